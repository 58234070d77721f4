import { describe, expect, test } from 'bun:test'
import { type StatusRow, type StatusView, statusText } from '../../lib/report/status-text.ts'
import { expectGolden } from './expect-golden.ts'
import { paperLab } from './paper-lab.ts'

const { plan } = paperLab()
const large = paperLab(200).plan

/** Seconds into the run at which an instance ended, and how long it took: the same in every run of the tests. */
const times = (at: number) => ({
  at: new Date(Date.parse('2026-11-21T20:45:12.000Z') + at * 3100).toISOString(),
  seconds: 0.4 + (at % 13) * 1.7,
})

const rowsOf = (
  instances: typeof plan.instances,
  own: Readonly<Record<string, Partial<StatusRow>>> = {},
): readonly StatusRow[] =>
  instances.map(({ id, task, node }, at) => ({
    ...{ id, task, node, state: 'done', why: '' },
    lastRun: { run: 'r', ended: 'finished', ...times(at) },
    ...own[id],
  }))

const never = { lastRun: undefined } as unknown as Partial<StatusRow>
const lastRun = {
  run: '20261121-204512-4f2a',
  startedAt: '2026-11-21T20:45:12.345Z',
  result: 'ok',
  seconds: 725.2,
} as const
const vms = ['master', 'worker', 'edge-1', 'edge-2']
const bundle = { place: './bundle', isThere: true, attached: ['master', 'worker', 'edge-1'], detached: ['edge-2'] }
const drifted = {
  'disable-swap@edge-1': {
    state: 'drifted',
    why: 'swap on: /dev/vda2 and at boot in /etc/fstab, line 4, which kedge had commented out',
  },
  'join-edge@edge-2': {
    state: 'pending',
    why: 'edgecore is not active',
    lastRun: { run: 'r', ended: 'failed', at: '2026-11-21T20:57:01.000Z', seconds: 600 },
  },
  'verify@edge-2': { state: 'pending', why: '', ...never },
  'open-ports@master': {
    state: 'unknown',
    why: 'root@192.168.22.10:22: no answer within 20 s',
    cure: 'look whether master is on',
  },
} as const

const views: Readonly<Record<string, readonly [StatusView, Parameters<typeof statusText>[1]?]>> = {
  'status-done.txt': [
    { lab: 'paper', rows: rowsOf(plan.instances), lastRun, bundle: { ...bundle, attached: vms, detached: [] } },
  ],
  'status-drifted.txt': [
    { lab: 'paper', rows: rowsOf(plan.instances, drifted), lastRun: { ...lastRun, result: 'failed' }, bundle },
  ],
  'status-drifted-color.txt': [
    { lab: 'paper', rows: rowsOf(plan.instances, drifted), lastRun, bundle },
    { width: 80, color: true },
  ],
  'status-held.txt': [
    {
      lab: 'paper',
      rows: rowsOf(plan.instances.slice(0, 6)),
      lastRun: { ...lastRun, result: 'unfinished' },
      held: { command: 'kedge run all', pid: 4242, host: 'bench', since: '2026-11-22T08:12:03.456Z' },
      bundle: { place: './bundle', isThere: false, attached: [], detached: vms },
    },
  ],
  'status-two-hundred.txt': [
    {
      lab: 'paper',
      rows: rowsOf(
        large.instances,
        Object.fromEntries(
          ['edge-5', 'edge-15'].map((node) => [
            `disable-swap@${node}`,
            { state: 'drifted', why: `swap on ${node}: /dev/vda2` },
          ]),
        ),
      ),
      lastRun,
    },
  ],
}

describe('kedge status', () => {
  test.each(Object.keys(views))('%s', async (name) => {
    const [view, options = { width: 80 }] = views[name] as (typeof views)[string]
    const text = statusText(view, options)
    for (const line of text.split('\n')) expect(Bun.stringWidth(Bun.stripANSI(line))).toBeLessThanOrEqual(80)
    await expectGolden(name, text)
  })

  test('without a terminal each instance has one line, with all that is said of it', () => {
    const text = statusText({ lab: 'paper', rows: rowsOf(plan.instances, drifted) })
    expect(text).toMatch(
      /^ {2}disable-swap {10}drifted {2}\S+Z {2}\S+ s +swap on: \/dev\/vda2 and at boot .* commented out$/m,
    )
    expect(text).toMatch(/^ {2}open-ports .*unknown .* within 20 s; cure: look whether master is on$/m)
  })

  test('-v: each of many nodes by itself', () => {
    const view = { lab: 'paper', rows: rowsOf(large.instances) }
    expect(statusText(view, { verbose: true }).match(/^edge-\d+ /gm)?.length).toBe(200)
    expect(statusText(view).split('\n').length).toBeLessThan(60)
  })

  test.each([
    [{ isThere: true }, './bundle; libvirt did not say which VMs have it as a disk'],
    [{ isThere: true, attached: [], detached: [] }, './bundle'],
    [{ isThere: true, attached: [], detached: ['edge-1'] }, './bundle; attached to no VM'],
    [{ isThere: false, attached: ['edge-1'], detached: [] }, './bundle, which is not there; attached to edge-1'],
  ])('the bundle: %p', (state, words) => {
    const text = statusText({ lab: 'l', rows: [], bundle: { place: './bundle', ...state } })
    expect(text).toContain(`bundle    ${words}\n`)
  })

  test.each([
    [{ ...lastRun, result: 'interrupted' as const }, 'interrupted after 12 min 05 s'],
    [{ ...lastRun, result: 'unfinished' as const }, 'and has no end: kedge was killed, or the power failed'],
  ])('the last run: %#', (run, words) => {
    expect(statusText({ lab: 'l', rows: [], lastRun: run })).toContain(words)
  })
})
