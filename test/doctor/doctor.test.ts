import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { wantedPieces } from '../../lib/bundle/wanted.ts'
import { examinationJson, examinationText, exitCodeOfExamination } from '../../lib/cli/examination-text.ts'
import { type Examination, examine } from '../../lib/doctor/doctor.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { type Rule, scriptedConnection } from '../../lib/host/scripted.ts'
import { marker } from '../../lib/machine/kvm-probe.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { bundleFor } from '../bundle/make-pieces.ts'
import { goldenIn } from '../golden-in.ts'
import { stateFolder } from '../machine/scripted-context.ts'
import { loadLab } from '../tasks/context.ts'
import { atSeconds, hypervisorRules, machineRules, pi, server } from './says.ts'

// A busy machine takes its time, also for scripted hosts.
setDefaultTimeout(30_000)

/** Four VMs, and two Pis. */
const lab = loadLab((text) =>
  text.replace(
    /^ {2}pi: .*$/m,
    `  pi-1: { role: edge, architecture: arm64, ssh: { host: 10.0.0.7, user: pi }, cloudcore: 203.0.113.10 }
  pi-2: { role: edge, architecture: arm64, ssh: { host: 10.0.0.8, user: root }, cloudcore: 203.0.113.10 }`,
  ),
)
const bundle = bundleFor(lab)
const pi2 = { ...pi, identity: 'f'.repeat(32) }
const kvmWorks: readonly Rule[] = [
  [/ domcapabilities /, '<domainCapabilities><path>/usr/bin/qemu-system-x86_64</path></domainCapabilities>'],
  [/timeout -k 1 10/, `ended 0\n${marker}\n`],
]
const fit: Readonly<Record<string, readonly Rule[]>> = {
  hypervisor: [...kvmWorks, ...hypervisorRules(server)],
  'pi-1': machineRules(pi),
  'pi-2': machineRules(pi2),
}

async function doctor(
  change: Readonly<Record<string, readonly Rule[]>> = {},
  {
    topology = lab,
    place = bundle,
    ...more
  }: { topology?: Topology; place?: string | undefined } & Partial<Examination> = {},
) {
  const hosts = new Map(
    Object.entries({ ...fit, ...change }).map(([name, rules]) => [name, scriptedConnection({ name, rules })]),
  )
  const groups = await examine(
    {
      topology,
      connection: ({ name }) => hosts.get(name) ?? scriptedConnection({ name }),
      stateFolder: stateFolder(),
      isForKubernetes: topology.tasks.length > 0,
      bundle: { place, wanted: topology.tasks.length > 0 ? wantedPieces(topology) : [] },
    },
    { signal: new AbortController().signal, now: () => atSeconds * 1000, onOutput: () => {}, ...more },
  )
  const text = examinationText(topology.lab, groups).replaceAll(bundle, '/srv/bundle')
  const commands = [...hosts.values()].flatMap((host) => host.commands)
  return { groups, text, commands, exitCode: exitCodeOfExamination(groups) }
}

const golden = goldenIn('doctor')

const lost = (kind: 'unreachable' | 'untrusted'): Rule => [
  /./,
  { error: new TaskError({ kind, message: 'pi@10.0.0.7: no answer' }) },
]

/** A command that never ends, and the end of everybody's time as soon as it has begun. */
function hangsAt(command: RegExp): { readonly hangs: Rule; readonly signal: AbortSignal } {
  const time = new AbortController()
  const never = () => {
    time.abort(new DOMException('The operation timed out.', 'TimeoutError'))
    return new Promise<string>(() => {})
  }
  return { hangs: [command, never], signal: time.signal }
}

describe('the examination', () => {
  test('of a fit lab: every line is ok, exit 0', async () => {
    const { text, exitCode, groups } = await doctor()
    expect(groups.map(({ host }) => host)).toEqual(['lab steps', 'hypervisor', 'pi-1', 'pi-2'])
    expect(exitCode).toBe(0)
    await golden('fit.txt', text)
  })

  test('of one that is not: the cure below each line, exit 5', async () => {
    const { text, exitCode } = await doctor({
      hypervisor: hypervisorRules({
        ...server,
        tools: 'virsh 9.0.0\nip ip utility, iproute2-6.1.0',
        hostMemory: 'MemTotal 8000000\nMemAvailable 6000000\nSwapFree 0',
      }),
      'pi-1': machineRules(
        {
          ...pi,
          cgroups: (pi.cgroups ?? '').replace(' memory', ''),
          swap: '/var/swap file 102396 0 -2',
          neighbours: 'processes dockerd containerd\nsigns k3s\ncni 87-podman-bridge.conflist',
        },
        -90,
      ),
      'pi-2': machineRules(pi),
    })
    expect(exitCode).toBe(5)
    await golden('unfit.txt', text)
  })

  test('tells equal machine-ids with both names', async () => {
    const { groups, exitCode } = await doctor({ 'pi-2': machineRules(pi) })
    const finding = groups[0]?.findings.find(({ what }) => what === 'machine-ids')
    expect(finding).toEqual({
      state: 'fail',
      what: 'machine-ids',
      figure: `pi-1 and pi-2 have the same one (${pi.identity})`,
      cure: 'as root on pi-2: rm /etc/machine-id; systemd-machine-id-setup; then reboot it',
    })
    expect(exitCode).toBe(5)
  })

  test('of a machine that does not answer says so once, and goes on with the others: exit 4', async () => {
    for (const kind of ['unreachable', 'untrusted'] as const) {
      const { groups, exitCode } = await doctor({ 'pi-1': [lost(kind)] })
      const [only, ...more] = groups.find(({ host }) => host === 'pi-1')?.findings ?? []
      expect(more).toEqual([])
      expect(only).toMatchObject({ state: 'fail', what: 'reachable', figure: 'pi@10.0.0.7: no answer', kind })
      expect(groups.find(({ host }) => host === 'pi-2')?.findings.length).toBeGreaterThan(5)
      expect(exitCode).toBe(4)
    }
  })

  test('of a machine that hangs ends, and says so: exit 4', async () => {
    const { hangs, signal } = hangsAt(/^bash -c/)
    const { groups, exitCode } = await doctor({ 'pi-1': [hangs, ...machineRules(pi)] }, { signal, on: ['pi-1'] })
    expect(groups.find(({ host }) => host === 'pi-1')?.findings).toMatchObject([
      { state: 'fail', what: 'reachable', figure: 'does not answer in time' },
    ])
    expect(exitCode).toBe(4)
  })

  test('of a machine without sudo, or whose sudo wants a password', async () => {
    const asked = new TaskError({
      kind: 'refused',
      message: 'sudo asks pi for a password',
      cure: 'Let it run commands without one',
    })
    const { groups, exitCode } = await doctor({ 'pi-1': [[/./, { error: asked }]], 'pi-2': [['id -u', '1000\n']] })
    const first = (host: string) => groups.find((group) => group.host === host)?.findings[0]
    expect(first('pi-1')).toMatchObject({
      state: 'fail',
      figure: 'sudo asks pi for a password',
      cure: 'Let it run commands without one',
    })
    expect(first('pi-2')).toMatchObject({ state: 'fail', figure: 'commands run as user 1000, not as root' })
    expect(first('pi-2')?.cure).toContain('sudoers.d/kedge')
    expect(exitCode).toBe(5)
  })

  test('where only the bundle is at fault: exit 7', async () => {
    const { exitCode, groups } = await doctor({}, { place: '/nowhere' })
    expect(groups[0]?.findings.find(({ what }) => what === 'bundle')?.state).toBe('fail')
    expect(exitCode).toBe(7)
  })

  test('of some hosts asks those alone, of a VM its hypervisor; what is the lab’s is left out', async () => {
    const hosts = async (...on: string[]) => (await doctor({}, { on })).groups.map(({ host }) => host)
    expect(await hosts('pi-2')).toEqual(['pi-2'])
    expect(await hosts('edge-1')).toEqual(['hypervisor'])
    expect(await hosts('hypervisor', 'pi-1')).toEqual(['hypervisor', 'pi-1'])
    expect(await hosts('pi-1', 'pi-2')).toEqual(['lab steps', 'pi-1', 'pi-2'])
  })

  test('of a lab of tasks alone asks its machines what concerns any', async () => {
    const { groups } = await doctor({}, { topology: { ...lab, tasks: [], nodes: lab.nodes.slice(-1) } })
    expect(groups.map(({ host }) => host)).toEqual(['pi-2'])
    expect(groups[0]?.findings.map(({ what }) => what)).toEqual(['reachable', 'architecture', 'clock', 'machine-id'])
  })

  test('changes nothing: what is asked holds no command that would', async () => {
    const { commands } = await doctor()
    const changing =
      /\b(rm|mv|cp|tee|apt(-get)?|dpkg -i|sysctl|swapoff|chmod|chown|mkdir|systemctl (?!status)|ip (link|route) (add|set|del)|net-(define|start)|virsh .*(define|start|create))\b|>{1,2} *\/(?!dev\/null)/
    const asked = commands.filter((command) => !command.includes('timeout -k 1 10'))
    expect(asked.length).toBeGreaterThan(5)
    expect(asked.filter((command) => changing.test(command))).toEqual([])
    expect(commands.filter((command) => !asked.includes(command)).join()).toContain('mktemp -d')
  })
})

describe('KVM', () => {
  const line = async (
    rules: readonly Rule[],
    accelerator: 'auto' | 'kvm' | 'tcg' = 'auto',
    more: Partial<Examination> = {},
  ) => {
    const topology = { ...lab, hypervisor: { ...lab.hypervisor, accelerator } }
    const { groups } = await doctor(
      { hypervisor: [...rules, ...hypervisorRules(server)] },
      { topology, on: ['hypervisor'], ...more },
    )
    const found = groups[0]?.findings.find(({ what }) => what === 'KVM')
    return `${found?.state} ${found?.figure}`
  }
  const hangs: readonly Rule[] = [kvmWorks[0] as Rule, [/timeout -k 1 10/, 'ended 124\n']]
  test('that works', async () => expect(await line(kvmWorks)).toBe('ok works: a 64-bit program ran under KVM'))
  test('that is there and hangs: a warning; where the file insists on it, a failure', async () => {
    expect(await line(hangs)).toBe(
      'warn VMs are emulated, and some ten times slower: a 64-bit program under KVM wrote nothing for 10 seconds',
    )
    expect(await line(hangs, 'kvm')).toMatch(/^fail hypervisor\.accelerator is kvm, but a 64-bit program/)
  })
  test('that libvirt does not tell of in time is no failure', async () => {
    const { hangs, signal } = hangsAt(/ domcapabilities /)
    expect(await line([hangs], 'auto', { signal })).toStartWith('warn not known')
  })
  test('that is not wanted', async () => expect(await line([], 'tcg')).toBe('ok not asked for: accelerator is tcg'))
  test('is not asked about, and so not remembered, while libvirt does not answer', async () => {
    const down = { ...server, libvirt: 'error: failed to connect to the hypervisor\nended 1\nroot' }
    const { groups, commands } = await doctor({ hypervisor: [...kvmWorks, ...hypervisorRules(down)] })
    const found = groups[1]?.findings.find(({ what }) => what === 'KVM')
    expect(found?.figure).toBe('not looked at, without libvirt')
    expect(commands.filter((command) => command.includes('domcapabilities'))).toEqual([])
  })
})

test('versions that are listed, and those that were let through', async () => {
  const line = async (topology: Topology) => (await doctor({}, { topology })).groups[0]?.findings[0]
  expect((await line(lab))?.state).toBe('ok')
  const odd = { ...lab, kubernetes: { ...lab.kubernetes, version: '1.28.0' } }
  expect(await line(odd)).toMatchObject({ state: 'warn', what: 'versions' })
})

test('JSON: all of it, with the counts; what a host said obeys no terminal', async () => {
  const { groups, text } = await doctor({
    'pi-1': machineRules({ ...pi, system: 'name Evil\u001b[2J OS\nsystemd yes\ndpkg yes' }),
  })
  expect(text).not.toContain('\u001b')
  const json = JSON.parse(examinationJson('steps', groups))
  expect(json).toMatchObject({ lab: 'steps', fit: true, warn: 0, fail: 0 })
  expect(json.hosts.map(({ host }: { host: string }) => host)).toEqual(['lab steps', 'hypervisor', 'pi-1', 'pi-2'])
  expect(json.hosts[0].findings[0]).toEqual({ state: 'ok', what: 'versions', figure: expect.any(String) })
  expect(openBundle(bundle).pieces.length).toBeGreaterThan(0)
})
