import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { nodesWithCertificates } from '../../lib/cli/commands/status.ts'
import { expiryLines } from '../../lib/cli/expiry-lines.ts'
import { lookAtExpiries } from '../../lib/cli/look-at-expiries.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { lockLab } from '../../lib/event/lab-lock.ts'
import { type Rule, scriptedConnection } from '../../lib/host/scripted.ts'
import type { Expiry } from '../../lib/kubeedge/expiry.ts'
import type { Surroundings } from '../../lib/run/task-context.ts'
import { makeCertificate } from '../kubeedge/make-certificate.ts'
import { loadLab } from '../tasks/context.ts'

const topology = loadLab()
const year = makeCertificate('year', 365)
const month = makeCertificate('month', 25)
const nodesNamed = (...names: string[]) => topology.nodes.filter(({ name }) => names.includes(name))

describe('the nodes that are asked', () => {
  type Row = Parameters<typeof nodesWithCertificates>[1][number]
  const row = (node: string, state: Row['state'], ended?: 'finished' | 'failed'): Row => ({
    node,
    state,
    ...(ended ? { lastRun: { run: 'r', at: '2026-01-01T00:00:00.000Z', ended, seconds: 1 } } : {}),
  })
  const asked = (...rows: Row[]) => nodesWithCertificates(topology, rows).map(({ name }) => name)

  test('before the lab exists: none', () => {
    expect(asked(row('master', 'pending'), row('edge-1', 'pending'), row('edge-2', 'unknown'))).toEqual([])
    expect(asked(row('hypervisor', 'done', 'finished'), row('master', 'pending', 'failed'))).toEqual([])
  })

  test('when it was destroyed: none, although the journal remembers it', () => {
    expect(asked(row('hypervisor', 'done'), row('master', 'drifted', 'finished'))).toEqual([])
  })

  test('where something is done, also if it is not by kedge', () => {
    expect(asked(row('master', 'done'), row('master', 'pending'), row('edge-1', 'pending'))).toEqual(['master'])
  })

  test('in a lab that stands also a node that was well once, and is not reached now', () => {
    const rows = [row('master', 'done'), row('edge-1', 'unknown', 'finished'), row('edge-2', 'unknown')]
    expect(asked(...rows)).toEqual(['master', 'edge-1'])
  })
})

describe('asking', () => {
  const never = new AbortController().signal
  const surroundings = (rules: Readonly<Record<string, readonly Rule[]>>): Surroundings => {
    const hosts = new Map(Object.entries(rules).map(([name, own]) => [name, scriptedConnection({ name, rules: own })]))
    return {
      topology,
      connection(node) {
        const host = hosts.get(node.name)
        if (!host) throw new Error(`${node.name} was asked`)
        return host
      },
      bundle: () => {
        throw new Error('the bundle was opened')
      },
      secret: () => {
        throw new Error('a secret was made')
      },
      stateFolder: '/nonexistent',
      sleep: async () => {},
    }
  }
  const kubelet = (pem: string): Rule => [
    /^for entry/,
    `file 0 /var/lib/kubelet/pki/kubelet-client-current.pem\n${pem}`,
  ]
  const edge = (pem: string): Rule => [/^for entry/, `file 0 /etc/kubeedge/certs/server.crt\n${pem}`]

  test('all nodes at once; a silent one is a line and hides no other', async () => {
    const together = Promise.withResolvers<void>()
    let arrived = 0
    const answer = (pem: string) => async () => {
      arrived += 1
      if (arrived === 2) together.resolve()
      await together.promise
      return `file 0 /x\n${pem}`
    }
    const error = new TaskError({ kind: 'unreachable', message: 'root@192.168.22.22:22: no route to this address' })
    const world = surroundings({
      worker: [[/^for entry/, answer(year.pem)]],
      'edge-1': [[/^for entry/, answer(month.pem)]],
      'edge-2': [[/^for entry/, { error }]],
    })
    const expiries = await lookAtExpiries(world, nodesNamed('worker', 'edge-1', 'edge-2'), month.until, never)
    expect(expiries.map(({ node, state }) => `${node} ${state}`)).toEqual([
      'edge-1 expired',
      'edge-2 unknown',
      'worker good',
    ])
  })

  test('when kedge is stopped nothing is said of what was not asked', async () => {
    const stop = new AbortController()
    const world = surroundings({
      worker: [
        [
          /^for entry/,
          () => {
            stop.abort()
            return new Promise<string>(() => {})
          },
        ],
      ],
    })
    expect(await lookAtExpiries(world, nodesNamed('worker'), year.from, stop.signal)).toEqual([])
  })

  test('the block, as it is read', async () => {
    const error = new TaskError({ kind: 'unreachable', message: 'root@192.168.22.22:22: no answer within 20 s' })
    const world = surroundings({
      worker: [kubelet(year.pem)],
      'edge-1': [edge(month.pem)],
      'edge-2': [[/^for/, { error }]],
    })
    const nodes = nodesNamed('worker', 'edge-1', 'edge-2')
    const day = (expiry: string) => expiry.replace(/\d{4}-\d\d-\d\d/, 'DAY')
    const late = new Date(month.until.getTime() - 1.5 * 86_400_000)
    expect(expiryLines(await lookAtExpiries(world, nodes, late, never)).map(day)).toEqual([
      'certificates',
      '  SOON  edge-1  /etc/kubeedge/certs/server.crt                   until DAY  1 day     renews itself',
      '    → kedge ssh edge-1 -- systemctl restart edgecore',
      '  ?     edge-2  certificates',
      '    → could not be asked: root@192.168.22.22:22: no answer within 20 s',
      '        worker  /var/lib/kubelet/pki/kubelet-client-current.pem  until DAY  341 days  renews itself',
    ])
  })

  test('what helps several of them is said once', () => {
    const expiry = (what: string, note?: string): Expiry => ({
      node: 'n',
      what,
      state: 'unknown',
      renewsItself: false,
      ...(note ? { note } : {}),
    })
    const list = [expiry('a', 'one'), expiry('b', 'one'), expiry('c', 'two'), expiry('d'), expiry('e', 'two')]
    const shown = expiryLines(list).map((line) => line.trim().split(' ').at(-1))
    expect(shown).toEqual(['certificates', 'a', 'b', 'one', 'c', 'two', 'd', 'e', 'two'])
  })

  test.each([
    [-20, '20 days ago'],
    [-1, '1 day ago'],
    [0, 'less than a day'],
    [1, '1 day'],
    [400, '400 days'],
  ])('%p days left', (daysLeft, text) => {
    const expiry: Expiry = {
      node: 'n',
      what: 'w',
      state: 'good',
      until: '2026-01-01T00:00:00.000Z',
      daysLeft,
      renewsItself: false,
    }
    expect(expiryLines([expiry])[1]?.trim()).toBe(`n  w  until 2026-01-01  ${text}`)
  })
})

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-status-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs `kedge status` on a lab file of its own. */
  async function run(name: string, config: string, ...words: string[]) {
    const cwd = join(folder, name)
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'kedge.config.yaml'), config)
    return await runHere(cwd, ['status', ...words])
  }
  const plain = "version: 1\nlab: plain\nextends: none\ntasks: { a: { on: hypervisor, sh: 'true', check: 'true' } }\n"

  const head = 'lab       plain: 1 done\nnow       nobody works on it\nlast run  none\n\n'

  test('says nothing of certificates and of a bundle where there can be none', async () => {
    expect(await run('text', plain)).toEqual({
      exitCode: 0,
      stdout: `${head}node, task  state  last run  took\nhypervisor  1/1 done\n  a         done   -\n`,
      stderr: '',
    })
  })

  test('--json has all of it, also what is not there', async () => {
    const { stdout } = await run('json', plain, '--json')
    expect(JSON.parse(stdout)).toEqual({
      lab: 'plain',
      now: null,
      lastRun: null,
      bundle: null,
      instances: [{ id: 'a@hypervisor', task: 'a', node: 'hypervisor', state: 'done', why: '' }],
      certificates: [],
    })
  })

  test('a node on which nothing was ever done is not asked', async () => {
    const nodes = (text: string) =>
      `${text}nodes: { pi: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: root }, cloudcore: 127.0.0.1 } }\n`
    expect((await run('node', nodes(plain))).stdout).toBe(
      `${head}node, task  state  last run  took\nhypervisor  1/1 done\n  a         done   -\n`,
    )
  })

  test('when and how a run last ended each, how long it took, and what is so no longer', async () => {
    const two = plain.replace(
      'tasks: {',
      "tasks: { b: { on: hypervisor, sh: 'touch b', check: 'test -e b' }, c: { on: hypervisor, sh: 'false', check: 'test -e b' },",
    )
    await run('runs', two)
    const cwd = join(folder, 'runs')
    expect((await runHere(cwd, ['run', 'all', '--jobs', '1', '--seed', '1'])).exitCode).toBe(5)
    rmSync(join(cwd, 'b'), { force: true })
    await runHere(cwd, ['run', 'b'])
    rmSync(join(cwd, 'b'))
    const { stdout } = await runHere(cwd, ['status'])
    expect(stdout).toMatch(
      /^lab {7}plain: 1 done, 1 drifted, 1 pending\nnow {7}nobody works on it\nlast run {2}\S+, began \S+Z, ok after [\d.]+ s\n/,
    )
    expect(stdout).toMatch(/^ {2}b {9}drifted {2}\d{4}-\d\d-\d\dT[\d:]{8}Z {2}[\d.]+ s +`test -e b` ended with 1$/m)
    expect(stdout).toMatch(/^ {2}c {9}pending {2}\S+Z {2}failed after [\d.]+ s {2}`test -e b` ended with 1$/m)
    const { instances, lastRun } = JSON.parse((await runHere(cwd, ['status', '--json'])).stdout)
    expect(lastRun).toEqual({
      run: expect.any(String),
      startedAt: expect.any(String),
      result: 'ok',
      seconds: expect.any(Number),
    })
    expect(instances.find(({ task }: { task: string }) => task === 'b').lastRun).toEqual({
      run: lastRun.run,
      at: expect.stringMatching(/Z$/),
      ended: 'finished',
      seconds: expect.any(Number),
    })
  })

  test('who works on the lab, since when', async () => {
    await run('held', plain)
    const stateFolder = join(folder, 'held/.kedge/plain')
    const lock = lockLab(stateFolder, 'kedge run all')
    try {
      const { stdout } = await runHere(join(folder, 'held'), ['status'])
      expect(stdout).toMatch(/^now {7}`kedge run all`, process \d+ on \S+, works on the lab since \S+Z$/m)
      expect(JSON.parse((await runHere(join(folder, 'held'), ['status', '--json'])).stdout).now).toEqual({
        command: 'kedge run all',
        pid: process.pid,
        host: expect.any(String),
        since: expect.stringMatching(/Z$/),
      })
    } finally {
      if (lock.ok) lock.release()
    }
  })
})
