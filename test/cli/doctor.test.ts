import { Database } from 'bun:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { nodeOn, type SshLab, sshLab } from '../faults/ssh-lab.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'

// On a busy machine sshd takes seconds for each of its steps.
setDefaultTimeout(180_000)

/** What kedge itself finds here with its own eyes; without a machine-id nothing can have the same one. */
const machineId = existsSync('/etc/machine-id') ? readFileSync('/etc/machine-id', 'utf8').trim() : ''
const canCompare = sshdPath !== undefined && process.getuid?.() === 0 && /^[0-9a-f]{32}$/.test(machineId)

let lab: SshLab
afterEach(() => lab.remove())
const write = (text: string) => writeFileSync(join(lab.folder, 'kedge.config.yaml'), `version: 1\nlab: bench\n${text}`)

describe('kedge doctor', () => {
  beforeEach(() => {
    lab = sshLab()
    // Nothing listens on port 1.
    write(`nodes:
  master: { role: control-plane, ssh: { host: 127.0.0.1, port: 1, user: root } }
  edge-1: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: root }, cloudcore: 127.0.0.1 }
`)
  })

  test('with hosts that do not answer: each says why and what to do, exit 4', async () => {
    const { exitCode, stdout, stderr } = await runHere(lab.folder, ['doctor'])
    expect(stdout).toMatch(/^lab bench\n {2}ok {4}versions .*\n {2}fail {2}bundle /)
    for (const name of ['master', 'edge-1'])
      expect(stdout).toMatch(
        new RegExp(`^${name} {2}.*\\n {2}fail {2}reachable {2}.*nothing listens on this port\\n {8}cure: .`, 'm'),
      )
    expect(stdout).toEndWith('\n1 ok, 0 warn, 3 fail: lab bench cannot be built as it is\n')
    expect(stderr).toBe('')
    expect(exitCode).toBe(4)
  })

  test('as JSON, of one host alone', async () => {
    const { exitCode, stdout } = await runHere(lab.folder, ['doctor', '--on', 'edge-1', '--json'])
    const { lab: name, fit, fail, hosts } = JSON.parse(stdout)
    expect({ name, fit, fail }).toEqual({ name: 'bench', fit: false, fail: 1 })
    expect(hosts).toMatchObject([
      { host: 'edge-1', findings: [{ state: 'fail', what: 'reachable', kind: 'unreachable' }] },
    ])
    expect(exitCode).toBe(4)
  })

  test('refuses a host that the file does not have, with the nearest name: exit 2', async () => {
    const { exitCode, stderr } = await runHere(lab.folder, ['doctor', '--on', 'edge-l'])
    expect(stderr).toContain('there is no node edge-l; did you mean edge-1?')
    expect(exitCode).toBe(2)
  })

  test('a lab without hosts', async () => {
    write("extends: none\ntasks:\n  a: { on: hypervisor, sh: 'true' }\n")
    const { exitCode, stdout } = await runHere(lab.folder, ['doctor'])
    expect(stdout).toBe('lab bench has neither VMs nor machines: there is nothing to look at\n')
    expect(exitCode).toBe(0)
  })

  test('its help says that nothing is changed, and its exit codes', async () => {
    const { stdout } = await runHere(lab.folder, ['help', 'doctor'])
    for (const text of [
      'Nothing is changed',
      '0 nothing fails',
      '5 a host is not fit',
      '4 a host is unreachable',
      '7 only',
    ])
      expect(stdout).toContain(text)
  })
})

describe.skipIf(!canCompare)('two machines over SSH with one machine-id', () => {
  let sshds: readonly Sshd[] = []
  beforeAll(async () => {
    sshds = [await startSshd(), await startSshd()]
  })
  afterAll(async () => {
    for (const sshd of sshds) await sshd.stop()
  })
  const nodes = () => {
    const [master, edge] = sshds.map((sshd) => nodeOn(sshd))
    return `nodes:
  pi-1: ${master?.replace('role: edge', 'role: control-plane')}
  pi-2: ${edge?.replace(/ }$/, ', cloudcore: 127.0.0.1 }')}
`
  }
  beforeEach(() => {
    lab = sshLab(sshds)
    write(nodes())
  })

  test('doctor looks at each in earnest, and names both', async () => {
    const { exitCode, stdout } = await lab.kedge('doctor', '--json')
    const { hosts } = JSON.parse(stdout)
    const finding = (host: string, what: string) =>
      hosts
        .find((group: { host: string }) => group.host === host)
        ?.findings.find((each: { what: string }) => each.what === what)
    expect(finding('lab bench', 'machine-ids')).toMatchObject({
      state: 'fail',
      figure: `pi-1 and pi-2 have the same one (${machineId})`,
      cure: 'as root on pi-2: rm /etc/machine-id; systemd-machine-id-setup; then reboot it',
    })
    for (const host of ['pi-1', 'pi-2']) {
      expect(finding(host, 'reachable')).toMatchObject({ state: 'ok', figure: 'over SSH, as root' })
      expect(finding(host, 'clock')?.figure).toMatch(/ to this machine, /)
      expect(finding(host, 'memory')?.figure).toMatch(/^[\d.]+ [GM]iB, of which [\d.]+ [GM]iB available/)
      expect(finding(host, 'disk')?.figure).toMatch(/^[\d.]+ \w+ free of [\d.]+ \w+ on \//)
      expect(finding(host, 'architecture')?.state).toBe(process.arch === 'x64' ? 'ok' : 'fail')
    }
    expect(exitCode).toBe(5)
  })

  /** Runs that the journal has. */
  function runs(): number {
    const journal = new Database(join(lab.folder, '.kedge/bench/journal.sqlite'), { readonly: true })
    const tables = journal.query<{ name: string }, []>("select name from sqlite_master where name = 'events'").all()
    const count =
      tables.length === 0 ? 0 : Number(Object.values(journal.query('select count(*) from events').get() as object)[0])
    journal.close()
    return count
  }

  test('a run stops before anything is touched; --no-doctor goes on', async () => {
    let before = 0
    let stopped = await lab.kedge('run', 'disable-swap', '--dry-run')
    // A machine that takes long for its first answer is not waited for.
    for (let tries = 0; stopped.exitCode === 0 && tries < 5; tries++) {
      before = runs()
      stopped = await lab.kedge('run', 'disable-swap', '--dry-run')
    }
    const { exitCode, stdout, stderr } = stopped
    expect(runs()).toBe(before)
    expect(stderr).toMatch(
      /^lab bench\n {2}fail {2}machine-ids {2}pi-1 and pi-2 have the same one .*\n {8}cure: as root on pi-2: rm /,
    )
    expect(stderr).toContain('nothing was touched. `kedge doctor` looks at all; `--no-doctor` runs all the same\n')
    expect(stdout).toBe('')
    expect(exitCode).toBe(5)
    const begun = await lab.kedge('run', 'disable-swap', '--dry-run', '--no-doctor')
    expect(begun.stderr).toContain('bench: dry run ')
    expect(runs()).toBeGreaterThan(before)
  })

  test('a run of somebody’s own tasks does not care', async () => {
    write(`extends: none\n${nodes()}tasks:\n  a: { on: nodes, sh: 'true' }\n`)
    const { exitCode, stderr } = await lab.kedge('run', 'all')
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(existsSync(join(lab.folder, '.kedge/bench/machine-ids.json'))).toBe(false)
  })
})
