import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Terminal } from '../../lib/cli/command.ts'
import status, { nodesWithCertificates } from '../../lib/cli/commands/status.ts'
import { expiryLines } from '../../lib/cli/expiry-lines.ts'
import { lookAtExpiries } from '../../lib/cli/look-at-expiries.ts'
import { TaskError } from '../../lib/event/failure.ts'
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
  const row = (node: string, state: Row['state'], lastRun?: 'finished' | 'failed'): Row => ({
    node,
    state,
    lastRun: lastRun && `2026-01-01T00:00:00Z ${lastRun}`,
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

  /** Runs `kedge status` in this process, on a lab file of its own. */
  async function run(name: string, config: string, options: { readonly json?: boolean } = {}) {
    const cwd = join(folder, name)
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'kedge.config.yaml'), config)
    const written: string[] = []
    const terminal: Partial<Terminal> = {
      write: (text) => void written.push(text),
      error: (text) => void written.push(text),
      cwd,
      env: {},
      isTty: false,
      signal: new AbortController().signal,
      atOnce: () => {},
      backlog: () => undefined,
    }
    const exitCode = await status.run(terminal as Terminal, [], { color: 'never', ...options })
    return { exitCode, text: written.join('') }
  }
  const plain = "version: 1\nlab: plain\nextends: none\ntasks: { a: { on: hypervisor, sh: 'true', check: 'true' } }\n"

  test('says nothing of certificates where there can be none', async () => {
    const { exitCode, text } = await run('text', plain)
    expect({ exitCode, text }).toEqual({ exitCode: 0, text: 'hypervisor  1/1 done\n  a         done      -\n' })
  })

  test('--json always has the list', async () => {
    const { text } = await run('json', plain, { json: true })
    expect(JSON.parse(text)).toEqual({
      lab: 'plain',
      instances: [expect.objectContaining({ id: 'a@hypervisor', state: 'done' })],
      certificates: [],
    })
  })

  test('a node on which nothing was ever done is not asked', async () => {
    const nodes = (text: string) =>
      `${text}nodes: { pi: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: root }, cloudcore: 127.0.0.1 } }\n`
    const { text } = await run('node', nodes(plain))
    expect(text).toBe('hypervisor  1/1 done\n  a         done      -\n')
  })
})
