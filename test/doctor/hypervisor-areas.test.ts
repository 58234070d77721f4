import { describe, expect, test } from 'bun:test'
import { hypervisorAreas } from '../../lib/doctor/hypervisor.ts'
import type { HypervisorView } from '../../lib/doctor/hypervisor-view.ts'
import { bridgeName } from '../../lib/machine/names.ts'
import { networkXml } from '../../lib/machine/network-xml.ts'
import type { Node } from '../../lib/topology/topology.ts'
import { lab, withNode } from '../machine/lab-for-tests.ts'
import { server, verdict } from './says.ts'

const fresh: HypervisorView = { topology: lab }
const judged = (area: string, said: string, view = fresh) => verdict(hypervisorAreas, area, said, view)
const states = (area: string, said: string, view = fresh) => judged(area, said, view).map(({ state }) => state)
const line = (area: string, said: string, view = fresh) =>
  judged(area, said, view)
    .map(({ state, figure, cure }) => `${state} ${figure}${cure ? ` → ${cure}` : ''}`)
    .join('\n')

test('a fit hypervisor is fit in every area', () => {
  for (const area of Object.keys(hypervisorAreas))
    expect([area, ...new Set(states(area, server[area] ?? ''))]).toEqual([area, 'ok'])
})

test('no area breaks on a hypervisor that says nothing, or nonsense', () => {
  for (const area of Object.keys(hypervisorAreas))
    for (const said of ['', 'x', 'disk', '\u0000 \n']) expect(judged(area, said).length).toBeGreaterThan(0)
})

describe('libvirt', () => {
  test('answers, with its version and QEMU’s', () =>
    expect(line('libvirt', server.libvirt ?? '')).toBe('ok 9.0.0, QEMU 7.2.22, at qemu:///system'))
  test('is not installed', () => {
    const said = "timeout: failed to run command 'virsh': No such file or directory\nended 127\nroot"
    expect(line('libvirt', said)).toMatch(/^fail there is no virsh on the hypervisor → install libvirt/)
  })
  test('does not run', () => {
    const said =
      "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory\nended 1\nroot"
    expect(line('libvirt', said)).toMatch(
      /^fail libvirt does not answer: Failed to connect socket .* → systemctl start libvirtd/,
    )
  })
  test('lets the user not in', () => {
    const said =
      "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied\nended 1\nada"
    expect(line('libvirt', said)).toBe(
      'fail qemu:///system lets nobody in as ada → sudo usermod -aG libvirt ada, then log in again; or run kedge as root',
    )
  })
  test('hangs', () =>
    expect(line('libvirt', 'ended 124\nroot')).toMatch(/^fail does not answer .* within 20 s → systemctl restart/))
  test('has no QEMU', () =>
    expect(
      line('libvirt', 'Using library: libvirt 9.0.0\nerror: failed to get the hypervisor version\nended 1\nroot'),
    ).toMatch(/^fail error: failed to get the hypervisor version → virsh -c qemu:\/\/\/system version/))
  test('is old', () =>
    expect(line('libvirt', (server.libvirt ?? '').replaceAll('9.0.0', '6.0.0'))).toStartWith('warn 6.0.0, QEMU 7.2.22'))
})

describe('tools', () => {
  test('with their versions', () =>
    expect(line('tools', server.tools ?? '')).toBe('ok 9.0.0\nok 7.2.22\nok 7.2.22\nok 6.1.0'))
  test('one that is missing comes with its package', () =>
    expect(line('tools', 'virsh 9.0.0\nqemu QEMU emulator version 7.2.22\nip ip utility, iproute2-6.1.0')).toContain(
      'fail is not there → apt install qemu-utils on the hypervisor',
    ))
})

describe('architecture', () => {
  test('the VMs’ own', () => expect(line('vmArchitecture', 'x86_64')).toBe('ok amd64'))
  test('another', () =>
    expect(line('vmArchitecture', 'x86_64', { topology: withNode('edge-1', { architecture: 'arm64' }) })).toBe(
      'fail amd64, and the file says arm64 for edge-1 → write architecture: amd64 for them in kedge.config.yaml, or make them on another hypervisor',
    ))
})

describe('memory', () => {
  const said = (availableGiB: number, more = '') =>
    `MemTotal ${32 * 2 ** 20}\nMemAvailable ${availableGiB * 2 ** 20}\nSwapFree 0\n${more}`
  test('enough for VMs of 16 GiB in all', () =>
    expect(line('hostMemory', said(20))).toBe(
      'ok 16.0 GiB for 4 VMs still to be started; 20.0 GiB available of 32.0 GiB',
    ))
  test('enough to begin with: warn', () => expect(line('hostMemory', said(10))).toStartWith('warn 16.0 GiB for 4 VMs'))
  test('not even half: fail, unless there is swap', () => {
    expect(line('hostMemory', said(7))).toMatch(/^fail 16\.0 GiB for 4 VMs .* → end other programs or VMs/)
    expect(states('hostMemory', said(7).replace('SwapFree 0', `SwapFree ${2 * 2 ** 20}`))).toEqual(['warn'])
  })
  test('VMs that run have theirs already; those of other labs are not this one’s', () => {
    expect(line('hostMemory', said(5, 'running paper-master\nrunning paper-worker\nrunning other-edge-1'))).toStartWith(
      'warn 8.0 GiB for 2 VMs',
    )
    const all = lab.nodes.map(({ name }) => `running paper-${name}`).join('\n')
    expect(line('hostMemory', said(1, all))).toBe('ok all VMs run; 1.0 GiB available of 32.0 GiB')
  })
})

describe('storage', () => {
  const said = (freeGiB: number, more = '') =>
    `disk /dev/a ${500 * 2 ** 30} 1 ${freeGiB * 2 ** 30} 1% /srv\nwritable\nat /srv\nuser ada\n${more}`
  const piece = { version: '1', path: '/a', source: '', roles: [] } as const
  const pieces = [
    { ...piece, name: 'base', kind: 'vm-image', architecture: 'amd64', sha256: 'a'.repeat(64), sizeBytes: 2 ** 30 },
    { ...piece, name: 'kubelet', kind: 'file', architecture: 'amd64', sha256: 'b', sizeBytes: 2 ** 30 },
    { ...piece, name: 'kubelet', kind: 'file', architecture: 'arm64', sha256: 'c', sizeBytes: 900 * 2 ** 30 },
  ] as const
  const withBundle: HypervisorView = { topology: lab, pieces }
  test('enough, with the virtual sizes in sight', () =>
    expect(line('storage', said(60))).toBe(
      'ok about 16.0 GiB for 4 VMs still to be made, 80.0 GiB if their disks fill up; 60.0 GiB free on /srv',
    ))
  test('by the bundle: its image once, and what each node unpacks', () => {
    expect(line('storage', said(18), withBundle)).toStartWith('ok about 17.0 GiB for 4 VMs')
    expect(states('storage', said(16), withBundle)).toEqual(['warn'])
    expect(line('storage', said(4), withBundle)).toMatch(
      /^fail .* → make room there, or name a folder on a larger disk/,
    )
  })
  test('disks and images that are there take nothing more', () => {
    const there = `there /srv/kedge/base-${'a'.repeat(16)}.qcow2\nthere /srv/kedge/paper/master.qcow2`
    expect(line('storage', said(18, there), withBundle)).toStartWith(
      'ok about 12.0 GiB for 3 VMs still to be made, 60.0 GiB',
    )
    const all = lab.nodes.map(({ name }) => `there /srv/kedge/paper/${name}.qcow2`).join('\n')
    expect(line('storage', said(1, all), withBundle)).toBe('ok all VMs have their disks; 1.0 GiB free on /srv')
  })
  test('a folder that kedge may not write', () =>
    expect(line('storage', said(60).replace('writable\n', ''))).toStartWith(
      'fail ada may not write in /srv → run kedge as root',
    ))
})

describe('address ranges', () => {
  const kernel = (cidr: string, device: string) => `${cidr} dev ${device} proto kernel scope link src 192.168.0.1\n`
  const network = (name: string, bridge: string, ip: string) =>
    `<network>\n  <name>${name}</name>\n  <bridge name='${bridge}'/>\n  <ip ${ip}/>\n</network>\n`
  test('free', () => expect(line('ranges', kernel('10.0.0.0/8', 'eno1'))).toMatch(/^ok 192\.168\.22\.0\/24, .*: free/))
  test('the lab’s own networks are no conflict', () => {
    const [management] = lab.networks
    if (!management) throw new Error('no network')
    const said = kernel('192.168.22.0/24', bridgeName('paper', 'management')) + networkXml('paper', management)
    expect(states('ranges', said)).toEqual(['ok'])
  })
  test('a route of the host', () =>
    expect(line('ranges', kernel('192.168.0.0/16', 'eno1')).split('\n')[1]).toBe(
      'fail cloud (192.168.23.0/24) overlaps 192.168.0.0/16 on eno1 → give cloud another range in kedge.config.yaml, or take that route or bridge off the hypervisor',
    ))
  test('another network of libvirt’s that runs is told once, by its name', () => {
    const said =
      kernel('192.168.24.0/24', 'virbr7') + network('bench', 'virbr7', "address='192.168.24.1' netmask='255.255.255.0'")
    expect(line('ranges', said)).toMatch(
      /^fail edge-1 \(192\.168\.24\.0\/30\) overlaps 192\.168\.24\.0\/24 on virbr7, libvirt’s network bench → .*\nfail edge-2 /,
    )
    expect(judged('ranges', said)).toHaveLength(2)
  })
  test('one that is off is a warning, by netmask and by prefix', () => {
    for (const size of ["netmask='255.255.255.0'", "prefix='24'"])
      expect(line('ranges', network('bench', 'virbr7', `address='192.168.23.1' ${size}`))).toBe(
        'warn cloud (192.168.23.0/24) overlaps libvirt’s network bench (192.168.23.1/24), which is off → leave it off while this lab runs, or give cloud another range in kedge.config.yaml',
      )
    expect(states('ranges', network('bench', 'virbr7', "family='ipv6' address='fd00::1' prefix='64'"))).toEqual(['ok'])
  })
})

test('the clock of another machine: its offset counts', () => {
  const at = (seconds: number) => states('clock', 'yes', { topology: lab, offset: { seconds, error: 0 } })
  expect(at(0)).toEqual(['ok'])
  expect(at(3600)).toEqual(['fail'])
  expect(states('clock', 'no')).toEqual(['warn'])
})

test('with an existing machine in the lab, only its VMs count', () => {
  const machine: Node['machine'] = { kind: 'existing', ssh: { host: '10.0.0.7', port: 22, user: 'pi' } }
  const topology = withNode('edge-2', { machine, architecture: 'arm64' })
  expect(line('hostMemory', server.hostMemory ?? '', { topology })).toStartWith('ok 12.0 GiB for 3 VMs')
  expect(states('vmArchitecture', 'x86_64', { topology })).toEqual(['ok'])
})
