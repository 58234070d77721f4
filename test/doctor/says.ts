import { type Areas, mark } from '../../lib/doctor/area.ts'
import { hypervisorAreas } from '../../lib/doctor/hypervisor.ts'
import { type MachineView, machineAreas } from '../../lib/doctor/machine.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import type { Topology } from '../../lib/topology/topology.ts'

export type Said = Readonly<Record<string, string>>

/** A Raspberry Pi with Debian 12, fit to be any node; as such a machine answered. */
export const pi: Said = {
  architecture: 'kernel aarch64\nbits 64\npackages arm64',
  clock: 'yes',
  identity: '0123456789abcdef0123456789abcdef',
  system: 'name Debian GNU/Linux 12 (bookworm)\nsystemd yes\ndpkg yes',
  cgroups: `version 2
controllers cpuset cpu io memory hugetlb pids rdma misc
model Raspberry Pi 4 Model B Rev 1.4
file /boot/firmware/cmdline.txt`,
  modules: 'kernel 6.12.25+rpt-rpi-v8\nfolder yes\noverlay yes\nbr_netfilter yes',
  swap: '',
  room: 'cpus 4\nMemTotal 3884512\nMemAvailable 3400000\ndisk /dev/mmcblk0p2 31082618880 4966555648 24821387264 17% /',
  neighbours: 'processes bash init sshd systemd \nsigns  \ncni \ncloudcore',
  ports: 'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=712,fd=3))',
}

/** A hypervisor with Debian 12 on which nothing of the lab is yet. */
export const server: Said = {
  libvirt: `Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.22

ended 0
root`,
  tools: `virsh 9.0.0
qemu-img qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)
qemu QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)
ip ip utility, iproute2-6.1.0, libbpf 1.1.0`,
  vmArchitecture: 'x86_64',
  hostMemory: 'MemTotal 32684092\nMemAvailable 29000000\nSwapFree 0',
  ranges: `default via 10.0.0.1 dev eno1 proto static
10.0.0.0/24 dev eno1 proto kernel scope link src 10.0.0.8
192.168.122.0/24 dev virbr0 proto kernel scope link src 192.168.122.1
local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1
<network>
  <name>default</name>
  <uuid>55c6b1d2-4a0e-4a5e-9a52-0f5a2e7c9b11</uuid>
  <bridge name='virbr0' stp='on' delay='0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'/>
</network>`,
  storage: `disk /dev/nvme0n1p2 502392610816 101256785920 375541637120 22% /
writable
at /srv
user root`,
  clock: 'yes',
}

function answer<View>(areas: Areas<View>, said: Said): string {
  return Object.keys(areas)
    .map((name) => `\n${mark} ${name}\n${said[name] ?? ''}\n`)
    .join('')
}

/** What time it is, here and there. */
export const atSeconds = 1_700_000_000
const clockAt = (seconds: number): Rule => ['date +%s.%N', `${seconds}\n`]

/** What a machine answers to doctor; `off` is how many seconds its clock is ahead. */
export const machineRules = (said: Said, off = 0): readonly Rule[] => [
  ['id -u', '0\n'],
  clockAt(atSeconds + off),
  [new RegExp(`^bash -c .*${mark}`, 's'), answer(machineAreas, said)],
]

/** The same of a hypervisor, whose libvirt offers no KVM unless a rule before says otherwise. */
export const hypervisorRules = (said: Said): readonly Rule[] => [
  ['true', ''],
  clockAt(atSeconds),
  ['uname -m', `${said.vmArchitecture ?? ''}\n`],
  [/boot_id/, 'one boot\n'],
  [/ domcapabilities /, { stderr: 'error: invalid argument: KVM is not supported', exitCode: 1 }],
  [/ list --all --name/, ''],
  [new RegExp(`^bash -c .*${mark}`, 's'), answer(hypervisorAreas, said)],
]

/** What an area makes of an answer. */
export const verdict = <View>(areas: Areas<View>, name: string, said: string, view: View) =>
  [areas[name]?.judge(said, view) ?? []].flat().map(({ state, figure, cure = '' }) => ({ state, figure, cure }))

export const machineView = (
  topology: Topology,
  node: Partial<MachineView['node']>,
  view: Partial<MachineView> = {},
): MachineView => {
  const [first] = topology.nodes
  if (!first) throw new Error('a lab without nodes')
  const ssh = { host: '10.0.0.7', port: 22, user: 'pi' }
  return {
    node: { ...first, name: 'pi-1', architecture: 'arm64', machine: { kind: 'existing', ssh }, ...node },
    topology,
    ...view,
  }
}
