import { describe, expect, test } from 'bun:test'
import { type MachineView, machineAreas } from '../../lib/doctor/machine.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { lab } from '../machine/lab-for-tests.ts'
import { machineView, pi, verdict } from './says.ts'

const k3s: Topology = { ...lab, kubernetes: { ...lab.kubernetes, distribution: 'k3s' } }
const master = machineView(lab, {})
const worker = machineView(lab, { role: 'worker' })
const edge = machineView(lab, { ...lab.nodes[2], name: 'pi-1', architecture: 'arm64' })

const judged = (area: string, said: string, view: MachineView = master) => verdict(machineAreas, area, said, view)
const states = (area: string, said: string, view?: MachineView) => judged(area, said, view).map(({ state }) => state)
/** One finding, as `state figure → cure`. */
const line = (area: string, said: string, view?: MachineView) =>
  judged(area, said, view)
    .map(({ state, figure, cure }) => `${state} ${figure}${cure ? ` → ${cure}` : ''}`)
    .join('\n')

test('a fit machine is fit in every area, in each role', () => {
  for (const view of [master, worker, edge])
    for (const area of Object.keys(machineAreas))
      expect([area, ...new Set(states(area, pi[area] ?? '', view))]).toEqual([area, 'ok'])
})

test('no area breaks on a machine that says nothing, or nonsense', () => {
  for (const area of Object.keys(machineAreas))
    for (const said of ['', 'x', 'disk', '\u0000 \n<a b=>']) expect(judged(area, said).length).toBeGreaterThan(0)
})

describe('architecture', () => {
  test('as in the file', () => expect(line('architecture', 'kernel aarch64\nbits 64\npackages arm64')).toBe('ok arm64'))
  test('another than in the file: what to write there', () =>
    expect(line('architecture', 'kernel x86_64\nbits 64\npackages amd64')).toBe(
      'fail amd64, and the file says arm64 → write architecture: amd64 for pi-1 in kedge.config.yaml, and see that the bundle has pieces for it',
    ))
  test('a 64-bit kernel with 32-bit programs is none', () =>
    expect(line('architecture', 'kernel aarch64\nbits 32\npackages armhf')).toStartWith(
      'fail a 64-bit kernel (arm64) with 32-bit programs (armhf) → install the 64-bit image',
    ))
  test('one that kedge does not know', () =>
    expect(line('architecture', 'kernel armv7l\nbits 32')).toStartWith(
      'fail armv7l, and the file says arm64 → kedge builds',
    ))
})

describe('clock', () => {
  const at = (seconds: number, said = 'yes') => line('clock', said, { ...master, offset: { seconds, error: 0.1 } })
  test('near, and kept', () => expect(at(0.04)).toBe('ok 0 s to this machine, kept by NTP'))
  test('not kept', () => expect(at(0.04, 'no')).toStartWith('warn 0 s to this machine, not kept by NTP → timedatectl'))
  test('some seconds off', () =>
    expect(at(-12)).toBe('warn -12 s to this machine, kept by NTP → kedge ssh pi-1 -- sudo date -s @$(date +%s)'))
  test('so far off that kedge would make no certificate', () =>
    expect(at(-86_400)).toStartWith(
      'fail -86400 s to this machine, kept by NTP → kedge ssh pi-1 -- sudo date -s @$(date +%s); and timedatectl',
    ))
  test('what the measurement took is no offset', () =>
    expect(line('clock', 'yes', { ...master, offset: { seconds: 70, error: 68 } })).toStartWith('ok'))
})

describe('machine-id', () => {
  test('one', () => expect(states('identity', '0123456789abcdef0123456789abcdef')).toEqual(['ok']))
  test('none, or none yet', () => {
    expect(line('identity', '')).toBe(
      'fail none in /etc/machine-id → as root on pi-1: rm /etc/machine-id; systemd-machine-id-setup; then reboot it',
    )
    expect(states('identity', 'uninitialized')).toEqual(['fail'])
  })
})

describe('system', () => {
  test('Debian', () => expect(line('system', pi.system ?? '')).toBe('ok Debian GNU/Linux 12 (bookworm)'))
  test('without systemd', () => expect(states('system', 'name Alpine Linux v3.22')).toEqual(['fail']))
  test('without dpkg', () =>
    expect(line('system', 'name Fedora Linux 42\nsystemd yes')).toStartWith('warn Fedora Linux 42, without dpkg → '))
})

describe('cgroup controllers', () => {
  test('v2', () => expect(line('cgroups', pi.cgroups ?? '')).toBe('ok cpu, cpuset, memory, pids (cgroup v2)'))
  test('v1', () =>
    expect(line('cgroups', 'version 1\ncontrollers cpuset cpu cpuacct memory pids \nmodel')).toBe(
      'ok cpu, cpuset, memory, pids (cgroup v1)',
    ))
  test('a Raspberry Pi without the memory controller: the words for its command line, in the file that it has', () => {
    const said =
      'version 2\ncontrollers cpuset cpu io pids\nmodel Raspberry Pi 4 Model B Rev 1.4\nfile /boot/cmdline.txt'
    expect(line('cgroups', said)).toBe(
      'fail no memory (cgroup v2) → add cgroup_enable=memory cgroup_memory=1 to the one line of /boot/cmdline.txt, then reboot pi-1',
    )
  })
  test('another machine without some', () =>
    expect(line('cgroups', 'version 1\ncontrollers cpuset cpu \nmodel')).toStartWith(
      'fail no memory, pids (cgroup v1) → boot pi-1',
    ))
})

describe('kernel modules', () => {
  test('there', () => expect(line('modules', pi.modules ?? '')).toBe('ok overlay, br_netfilter (6.12.25+rpt-rpi-v8)'))
  test('not there', () =>
    expect(line('modules', 'kernel 6.8.0-raspi\nfolder yes\noverlay yes')).toMatch(
      /^fail no br_netfilter .*linux-modules-extra-raspi/,
    ))
  test('of a kernel that was updated since the boot', () =>
    expect(line('modules', 'kernel 6.8.0-raspi')).toMatch(/^fail no overlay, br_netfilter .*so reboot pi-1$/))
  test('an edge needs no br_netfilter', () =>
    expect(states('modules', 'kernel 6.8.0-raspi\nfolder yes\noverlay yes', edge)).toEqual(['ok']))
})

describe('swap', () => {
  test('off', () => expect(line('swap', '')).toBe('ok off'))
  test('on is a warning, since kedge turns it off', () =>
    expect(line('swap', '/var/swap file 102396 0 -2\n/dev/zram0 partition 2097136 0 100')).toBe(
      'warn on: /var/swap (100.0 MiB), /dev/zram0 (2.0 GiB) → nothing to do: kedge run turns it off (disable-swap), now and at boot',
    ))
})

describe('memory, CPUs, disk', () => {
  const said = (change: Readonly<Record<string, string>>) =>
    Object.entries({
      cpus: '4',
      MemTotal: '3884512',
      MemAvailable: '3400000',
      disk: '/dev/a 32000000000 1 30000000000 1% /',
      ...change,
    })
      .map(([key, value]) => `${key} ${value}`)
      .join('\n')
  test('enough', () => {
    expect(line('room', said({}))).toBe(
      'ok 3.7 GiB, of which 3.2 GiB available\nok 4\nok 27.9 GiB free of 29.8 GiB on /',
    )
    expect(states('room', said({ cpus: '1' }), edge)).toEqual(['ok', 'ok'])
  })
  test('less memory than kubeadm takes: fail; K3s is content', () => {
    expect(line('room', said({ MemTotal: '1000000', MemAvailable: '900000' }))).toStartWith(
      'fail 976.6 MiB, of which 878.9 MiB available; kubeadm wants 1700 MiB → give pi-1 1700 MiB or more',
    )
    expect(states('room', said({ MemTotal: '1500000', cpus: '1' }), machineView(k3s, {}))).toEqual(['ok', 'ok', 'ok'])
  })
  test('little memory on an edge: warn', () =>
    expect(states('room', said({ MemTotal: '200000', MemAvailable: '100000' }), edge)).toEqual(['warn', 'ok']))
  test('memory that others use: warn', () => expect(states('room', said({ MemAvailable: '200000' }))[0]).toBe('warn'))
  test('one CPU for kubeadm: fail', () => expect(states('room', said({ cpus: '1' }))).toEqual(['ok', 'fail', 'ok']))
  test('a disk so full that the kubelet drives pods away: fail; that it throws images away: warn', () => {
    const disk = (free: number) => line('room', said({ disk: `/dev/a 32000000000 1 ${free} 1% /` })).split('\n')[2]
    expect(disk(3_000_000_000)).toStartWith('fail 2.8 GiB free of 29.8 GiB on / → make room on pi-1')
    expect(disk(4_000_000_000)).toStartWith('warn')
    expect(disk(5_000_000_000)).toStartWith('ok')
  })
  test('less room than the bundle’s pieces for it take: fail; than they take unpacked: warn', () => {
    const piece = { name: 'a', kind: 'image', version: '1', path: '/a', sha256: '', source: '' } as const
    const pieces = (bytes: number, roles: readonly ('edge' | 'control-plane')[] = []) =>
      machineView(lab, {}, { pieces: [{ ...piece, architecture: 'arm64', sizeBytes: bytes, roles }] })
    expect(states('room', said({}), pieces(31_000_000_000))[2]).toBe('fail')
    expect(line('room', said({}), pieces(11_000_000_000))).toContain(
      '\nwarn 27.9 GiB free of 29.8 GiB on /; the bundle’s pieces for it need about 30.7 GiB → ',
    )
    expect(states('room', said({}), pieces(31_000_000_000, ['edge']))[2]).toBe('ok')
  })
})
