import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { resultOf } from '../build/binary.ts'
import { kedge } from '../faults/ssh-lab.ts'
import { startLibvirtd, stopLibvirtd } from '../lab/libvirtd.ts'
import { createNamespace, inside, removeNamespace, shellInside } from '../lab/namespace.ts'

const programs = ['libvirtd', 'virtlogd', 'virsh', 'tini', 'nsenter', 'unshare', 'qemu-img', 'ip']
const path = '/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin'
const missing = programs.filter((name) => !Bun.which(name, { PATH: path }))
const canTry = process.getuid?.() === 0 && missing.length === 0
if (!canTry)
  console.log(`skipped: a real libvirt (needs root${missing.length > 0 ? ` and ${missing.join(', ')}` : ''})`)

setDefaultTimeout(120_000)
const namespace = 'kedge-doctor'
const folder = canTry ? mkdtempSync('/var/tmp/kedge-dr-') : ''
const libvirtd = { namespace, folder: join(folder, 'lv') }
let uri = ''

/** kedge from its source, on the namespace's own network. */
async function run(...words: string[]) {
  const command = inside(namespace, [...kedge, ...words])
  const env = { PATH: path, HOME: folder }
  return await resultOf(Bun.spawn(command, { cwd: folder, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' }))
}

type Line = { readonly state: string; readonly what: string; readonly figure: string }
async function lines(): Promise<{ readonly exitCode: number; readonly found: readonly Line[] }> {
  const { exitCode, stdout, stderr } = await run('doctor', '--on', 'hypervisor', '--json')
  expect(stdout, stderr).toStartWith('{')
  return { exitCode, found: JSON.parse(stdout).hosts[0].findings }
}

describe.skipIf(!canTry)('a real libvirt', () => {
  beforeAll(async () => {
    chmodSync(folder, 0o711)
    await createNamespace(namespace)
    uri = await startLibvirtd(libvirtd, { hideKvm: true })
    writeFileSync(
      join(folder, 'kedge.config.yaml'),
      `version: 1
lab: dr
hypervisor: { uri: "${uri}", storage: ${join(folder, 'disks')} }
networks:
  management: { cidr: 192.168.22.0/24, management: true }
  cloud: { cidr: 192.168.23.0/24 }
  edge-1: { cidr: 192.168.24.0/30 }
machine: { cpus: 2, memory: 2GiB, disk: 3GiB }
nodes:
  master: { role: control-plane, networks: { management: 192.168.22.10, cloud: 192.168.23.10, edge-1: 192.168.24.1 } }
  edge-1: { role: edge, networks: { management: 192.168.22.21, edge-1: 192.168.24.2 } }
`,
    )
  })
  afterAll(async () => {
    await stopLibvirtd(libvirtd)
    await removeNamespace(namespace)
    rmSync(folder, { recursive: true, force: true })
  })

  test('is told with its versions, and the machine with its figures', async () => {
    const { found } = await lines()
    const line = (name: string) => {
      const { state, figure } = found.find(({ what }) => what === name) ?? {}
      return `${state} ${figure}`
    }
    expect(line('libvirt')).toMatch(/^ok \d+\.\d+\.\d+, QEMU \d+\.\d+\S*, at qemu:\/\/\/system\?socket=/)
    for (const tool of ['virsh', 'qemu-img', 'qemu', 'ip']) expect(line(tool)).toMatch(/^ok \d+\.\d+/)
    expect(line('memory')).toMatch(/^\w+ 4\.0 GiB for 2 VMs still to be started; [\d.]+ \w+ available of [\d.]+ \w+$/)
    expect(line('storage')).toMatch(
      /^\w+ about 6\.0 GiB for 2 VMs still to be made, 6\.0 GiB if their disks fill up; [\d.]+ \w+ free on \//,
    )
    expect(line('address ranges')).toMatch(/^ok 192\.168\.22\.0\/24, /)
    expect(line('KVM')).toMatch(/^warn VMs are emulated, and some ten times slower: libvirt offers no KVM/)
    expect(found.filter(({ state }) => state === 'fail')).toEqual([])
  })

  test('networks that are in the way: an interface of the host, and one of libvirt’s that is off; a run touches nothing', async () => {
    const $in = shellInside(namespace)
    await $in`ip link add eno9 type bridge && ip address add 192.168.23.4/24 dev eno9 && ip link set eno9 up`
    const bench = join(folder, 'bench.xml')
    writeFileSync(
      bench,
      "<network><name>bench</name><bridge name='benchbr'/><ip address='192.168.24.1' netmask='255.255.255.0'/></network>",
    )
    await $in`virsh -q -c ${uri} net-define ${bench}`
    const { found, exitCode } = await lines()
    const ranges = found
      .filter(({ what }) => what === 'address ranges')
      .map(({ state, figure }) => `${state} ${figure}`)
    expect(ranges).toEqual([
      'fail cloud (192.168.23.0/24) overlaps 192.168.23.0/24 on eno9',
      'warn edge-1 (192.168.24.0/30) overlaps libvirt’s network bench (192.168.24.1/24), which is off',
    ])
    expect(exitCode).toBe(5)

    const stopped = await run('run', 'create-vms')
    expect(stopped.stderr).toContain('warn  hypervisor: address ranges: edge-1 (192.168.24.0/30) overlaps')
    expect(stopped.stderr).toMatch(
      /^hypervisor\n {2}fail {2}address ranges {2}cloud .*\n {8}cure: give cloud another range/m,
    )
    expect(stopped.exitCode).toBe(5)
    expect((await $in`virsh -q -c ${uri} net-list --all --name`).stdout.trim()).toBe('bench')
  })

  test('that has ended is a failure with its cure, and KVM is not judged without it', async () => {
    await stopLibvirtd(libvirtd)
    const { found, exitCode } = await lines()
    expect(found.find(({ what }) => what === 'libvirt')).toMatchObject({
      state: 'fail',
      figure: expect.stringMatching(/^libvirt does not answer: Failed to connect socket to /),
    })
    expect(found.find(({ what }) => what === 'KVM')?.figure).toBe('not looked at, without libvirt')
    expect(exitCode).toBe(5)
  })
})
