import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { proofFormats } from '../../lib/cli/commands/verify.ts'
import { exitCodeOfProof, prove } from '../../lib/cli/prove.ts'
import { TaskError } from '../../lib/event/failure.ts'
import type { Connection } from '../../lib/host/host.ts'
import { type Rule, scriptedConnection } from '../../lib/host/scripted.ts'
import { createVault } from '../../lib/host/secret.ts'
import { builtBinary, runIn } from '../build/binary.ts'
import { cloudFiles, clusterRules, edgeFiles, edgeRules, machineRules } from '../kubeedge/fake-lab.ts'
import { fakeSmoke, type SmokeScript } from '../kubeedge/fake-smoke.ts'
import { loadLab } from '../tasks/context.ts'
import { labBundle } from '../tasks/lab-bundle.ts'

type Change = { readonly smoke?: SmokeScript; readonly edge?: readonly Rule[]; readonly master?: readonly Rule[] }

/** The proof of these nodes on scripted hosts; what is answered with an error of a lost host is not reachable. */
async function proof(names: readonly string[], change: Change = {}, stop = new AbortController()) {
  const topology = loadLab()
  const smoke = fakeSmoke(change.smoke)
  const rules: Record<string, readonly Rule[]> = {
    master: [...(change.master ?? []), ...clusterRules(), ...smoke.rules.master, ...machineRules],
    worker: machineRules,
    'edge-1': [...(change.edge ?? []), ...smoke.rules['edge-1'], ...edgeRules],
  }
  const files: Record<string, Record<string, string>> = { master: cloudFiles, worker: cloudFiles, 'edge-1': edgeFiles }
  const hosts = new Map<string, ReturnType<typeof scriptedConnection>>()
  const connection = ({ name }: { readonly name: string }): Connection => {
    const host = hosts.get(name) ?? scriptedConnection({ name, rules: rules[name] ?? [], files: files[name] ?? {} })
    hosts.set(name, host)
    return host
  }
  const surroundings = {
    topology,
    connection,
    bundle: () => openBundle(labBundle()),
    secret: createVault().secret,
    stateFolder: '/nonexistent',
    sleep: async () => stop.abort(),
  }
  const about = topology.nodes.filter(({ name }) => names.includes(name))
  const answers = await prove(surroundings, about, { signal: stop.signal, onOutput: () => {} })
  return {
    answers,
    exitCode: exitCodeOfProof(answers),
    failed: answers.filter(({ holds }) => !holds),
    commands: hosts.get('master')?.commands ?? [],
  }
}

const lost: Rule[1] = { error: new TaskError({ kind: 'unreachable', message: 'pi@10.0.0.7: no answer' }) }

describe('the proof', () => {
  test('of a whole lab holds in every claim, node by node in the order of the file', async () => {
    const { answers, exitCode, failed } = await proof(['edge-1', 'worker', 'master'])
    expect(failed).toEqual([])
    expect(exitCode).toBe(0)
    expect([...new Set(answers.map(({ node }) => node))]).toEqual(['master', 'worker', 'edge-1'])
    expect(answers).toHaveLength(7 + 5 + 12)
  })

  test('of one edge starts one pod and says nothing of other nodes', async () => {
    const { answers, commands } = await proof(['edge-1'])
    expect(new Set(answers.map(({ node }) => node))).toEqual(new Set(['edge-1']))
    expect(commands.filter((command) => command.includes(' apply '))).toHaveLength(1)
    expect((await proof(['worker'])).commands.filter((command) => / apply | delete /.test(command))).toEqual([])
  })

  test('fails with one claim: 5', async () => {
    const { failed, exitCode } = await proof(['edge-1'], {
      edge: [['swapon --noheadings --show=NAME', '/swap\n']],
    })
    expect(failed.map(({ claim, figure }) => `${claim}: ${figure}`)).toEqual(['swap is off: /swap'])
    expect(exitCode).toBe(5)
  })

  test('of an edge that is not reached shows its own claims as failed with that reason, and no pod is started: 4', async () => {
    const { answers, failed, exitCode, commands } = await proof(['master', 'edge-1'], { edge: [[/./, lost]] })
    expect(answers.filter(({ node }) => node === 'master').every(({ holds }) => holds)).toBe(true)
    expect(new Set(failed.map(({ figure }) => figure))).toEqual(new Set(['pi@10.0.0.7: no answer']))
    expect(failed.map(({ claim }) => claim)).toContain('a pod on the host network runs')
    expect(exitCode).toBe(4)
    expect(commands.filter((command) => command.includes(' apply '))).toEqual([])
  })

  test('of a cluster that does not answer fails in kubectl’s words: 5', async () => {
    const refusedBy = 'The connection to the server 192.168.23.10:6443 was refused'
    const { failed, exitCode } = await proof(['worker'], {
      master: [[/ get /, { stderr: `${refusedBy}\n`, exitCode: 1 }]],
    })
    expect(failed.map(({ claim }) => claim)).toEqual(['is Ready', 'has version v1.32.10', 'has the role worker'])
    for (const { figure } of failed) expect(figure).toEndWith(`: ${refusedBy}`)
    expect(exitCode).toBe(5)
  })

  test('breaks on what is no answer of kubectl’s, after the pods are gone', async () => {
    const commands: string[] = []
    const note: Rule = [
      / delete pod /,
      ({ command }) => {
        commands.push(command)
        return ''
      },
    ]
    const broken = proof(['edge-1'], { master: [[/ get pods /, 'no JSON'], note] })
    expect(await broken.catch((error: Error) => error.name)).toBe('SyntaxError')
    expect(commands).toHaveLength(1)
  })

  test('that is interrupted removes its pod', async () => {
    const { commands } = await proof(['edge-1'], { smoke: { statuses: [{ phase: 'Pending' }] } })
    expect(commands.filter((command) => / delete pod kedge-smoke-/.test(command))).toHaveLength(1)
  })
})

describe('the formats', () => {
  const answers = [
    { node: 'master', claim: 'is Ready', holds: true, figure: '192.168.23.10' },
    { node: 'edge-1', claim: 'swap is off', holds: false, figure: '/dev/<vda>\u001b[31m' },
  ]
  test('a table ends with how many hold; what a node said obeys no terminal', () => {
    expect(proofFormats.table('bench', answers)).toBe(
      'ok    master  is Ready     192.168.23.10\nFAIL  edge-1  swap is off  /dev/<vda>\n\n1 of 2 hold\n',
    )
  })
  test('JSON', () => {
    expect(JSON.parse(proofFormats.json('bench', answers))).toEqual({ lab: 'bench', hold: 1, of: 2, findings: answers })
  })
  test('JUnit: the node is the class, the figure output or failure', () => {
    const text = proofFormats.junit('bench', answers)
    expect(text).toContain('name="kedge verify bench" tests="2" failures="1"')
    expect(text).toContain('<testcase classname="master" name="is Ready"><system-out>192.168.23.10</system-out>')
    expect(text).toContain('<testcase classname="edge-1" name="swap is off"><failure message="/dev/&lt;vda&gt;"/>')
  })
})

describe('kedge verify', () => {
  let lab: string
  beforeAll(() => void builtBinary(), 120_000)
  beforeEach(() => {
    lab = mkdtempSync(join(tmpdir(), 'kedge-verify-'))
    // Nothing listens on port 1, and nobody is asked for a key before something does.
    writeFileSync(
      join(lab, 'kedge.config.yaml'),
      `version: 1
lab: bench
nodes:
  master: { role: control-plane, ssh: { host: 127.0.0.1, port: 1, user: root } }
  edge-1: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: root }, cloudcore: 127.0.0.1 }
`,
    )
  })
  afterEach(() => rmSync(lab, { recursive: true, force: true }))
  const kedge = (...words: string[]) => runIn(lab, [builtBinary(), ...words], { PATH: '/usr/bin:/bin', HOME: lab })

  test('with hosts that do not answer shows every claim with that reason, exit 4', () => {
    const { exitCode, stdout, stderr } = kedge('verify')
    expect(stderr).toBe('a pod is run on edge-1, and removed again\n')
    expect(stdout).toMatch(/^FAIL {2}master {2}is Ready .*nothing listens on this port$/m)
    expect(stdout).toMatch(/^FAIL {2}edge-1 {2}kubectl logs reads the pod on the host network .*nothing listens/m)
    expect(stdout).toMatch(/\n\n0 of \d+ hold\n$/)
    expect(exitCode).toBe(4)
  })

  test('data alone is on stdout in each format', () => {
    const json = JSON.parse(kedge('verify', '--json', '--on', 'master').stdout)
    expect(json).toMatchObject({ lab: 'bench', hold: 0, of: 7 })
    expect(json.findings[0]).toMatchObject({ node: 'master', claim: 'is Ready', holds: false, unreachable: true })
    const xml = kedge('verify', '--format', 'junit', '-q')
    expect(xml.stdout).toStartWith('<?xml')
    expect(xml.stderr).toBe('')
  })

  test('refuses what it does not know, exit 2', () => {
    const node = kedge('verify', '--on', 'edge-7')
    expect(node.stderr).toContain('there is no node edge-7')
    expect(node.exitCode).toBe(2)
    expect(kedge('verify', '--format', 'yaml').exitCode).toBe(2)
    writeFileSync(join(lab, 'kedge.config.yaml'), 'version: 1\nlab: plain\nextends: none\ntasks: {}\n')
    const plain = kedge('verify')
    expect(plain.stderr).toContain('lab plain has no control plane')
    expect(plain.exitCode).toBe(2)
  })

  test('its help says that a pod is started', () => {
    expect(kedge('help', 'verify').stdout).toContain('a pod is started on each edge')
  })
})
