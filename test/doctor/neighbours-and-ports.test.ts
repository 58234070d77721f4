import { describe, expect, test } from 'bun:test'
import { type MachineView, machineAreas } from '../../lib/doctor/machine.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { lab } from '../machine/lab-for-tests.ts'
import { machineView, verdict } from './says.ts'

const k3s: Topology = { ...lab, kubernetes: { ...lab.kubernetes, distribution: 'k3s' } }
const edgeOf = (topology: Topology) => machineView(topology, { ...topology.nodes[2], name: 'pi-1' })
const master = machineView(lab, {})
const edge = edgeOf(lab)
const lines = (area: string, said: string, view: MachineView) =>
  verdict(machineAreas, area, said, view).map(
    ({ state, figure, cure }) => `${state} ${figure}${cure ? ` → ${cure}` : ''}`,
  )

describe('other runtimes', () => {
  const found = (facts: { processes?: string; signs?: string; cni?: string; cloudcore?: string }, view = master) =>
    lines(
      'neighbours',
      Object.entries({ processes: 'sshd', ...facts })
        .map(([key, value]) => `${key} ${value}`)
        .join('\n'),
      view,
    )

  test('none', () => {
    for (const view of [master, edge]) expect(found({}, view)).toEqual(['ok none'])
  })
  test('a lab that stands is no obstacle to itself', () => {
    const cloud = {
      processes: 'containerd kubelet cloudcore',
      signs: 'kedge kubelet kubeadm-by-kedge',
      cni: '10-flannel.conflist',
    }
    expect(found(cloud)).toEqual(['ok none'])
    const joined = {
      processes: 'containerd edgecore',
      signs: 'kedge',
      cni: '10-kedge.conflist',
      cloudcore: 'https://192.168.24.1:10002',
    }
    expect(found(joined, edge)).toEqual(['ok none'])
    expect(
      found({ processes: 'k3s-server containerd', signs: 'kedge k3s k3s-by-kedge' }, machineView(k3s, {})),
    ).toEqual(['ok none'])
  })
  test('Docker: a warning', () =>
    expect(found({ processes: 'dockerd containerd' }).join()).toMatch(
      /^warn runs: its firewall rules .*disable --now docker\.service/,
    ))
  test('a containerd of somebody else: a warning; beside CRI-O as well', () => {
    expect(found({ processes: 'containerd' }).join()).toMatch(
      /^warn runs already: kedge gives it a configuration of its own/,
    )
    expect(
      found({ processes: 'containerd crio', signs: 'kedge' }, machineView(lab, { runtime: 'cri-o' })).join(),
    ).toMatch(/^warn runs beside the lab’s cri-o .*disable --now containerd$/)
    expect(found({ processes: 'containerd crio', signs: 'kedge' }).join()).toMatch(
      /^warn runs beside the lab’s containerd .*crio$/,
    )
  })
  test('MicroK8s: its snap goes', () => {
    expect(found({ signs: 'microk8s' }).join()).toMatch(/^fail .*snap remove --purge microk8s on pi-1$/)
    expect(found({ processes: 'kubelite' }, edge).join()).toStartWith('fail is installed')
  })
  test('K3s that kedge did not make, and on an edge any', () => {
    expect(found({ signs: 'k3s' }, machineView(k3s, {})).join()).toMatch(/^fail was here before .*k3s-uninstall\.sh/)
    expect(found({ processes: 'k3s-agent' }, edge).join()).toContain(', and runs → ')
    expect(found({ signs: 'kedge k3s k3s-by-kedge' }, edgeOf(k3s)).join()).toStartWith('fail')
  })
  test('a kubelet of another cluster; on an edge any', () => {
    expect(found({ processes: 'kubelet', signs: 'kubelet' }).join()).toMatch(
      /^fail the machine is part of a Kubernetes cluster .*kubeadm reset/,
    )
    expect(found({ processes: 'kubelet' }, edge).join()).toStartWith('fail runs, and edgecore brings its own')
    expect(found({ processes: 'kubelet' })).toEqual(['ok none'])
  })
  test('an edgecore of another CloudCore, or on a cloud node', () => {
    expect(found({ processes: 'edgecore', cloudcore: 'https://10.9.9.9:10002' }, edge).join()).toMatch(
      /^fail has joined CloudCore at https:\/\/10\.9\.9\.9:10002, and this lab’s is at https:\/\/192\.168\.24\.1:10002 → .*keadm reset edge/,
    )
    expect(found({ processes: 'edgecore' }).join()).toMatch(/^fail runs, and cannot share a machine/)
  })
  test('a pod network that comes before the lab’s: fail; Podman’s behind it: warn; CRI-O’s samples are kedge’s affair', () => {
    expect(found({ cni: '00-mine.conflist 10-kedge.conflist' }, edge).join()).toMatch(
      /^fail \/etc\/cni\/net\.d\/00-mine\.conflist comes before .*rename it to 99-mine\.conflist$/,
    )
    expect(found({ cni: '87-podman-bridge.conflist' }).join()).toMatch(/^warn Podman’s 87-podman-bridge\.conflist/)
    expect(found({ cni: '10-crio-bridge.conflist' }).join()).toStartWith('fail')
    expect(found({ cni: '10-crio-bridge.conflist README' }, machineView(lab, { runtime: 'cri-o' }))).toEqual([
      'ok none',
    ])
  })
})

describe('ports', () => {
  const listening = (port: number, name: string, protocol = 'tcp') =>
    `${protocol} LISTEN 0 4096 *:${port} *:* users:(("${name}",pid=812,fd=20))`
  const mqtt = (choice: Topology['kubeedge']['mqtt']) => edgeOf({ ...lab, kubeedge: { ...lab.kubeedge, mqtt: choice } })

  test('free, or the lab’s own', () => {
    const own = [listening(6443, 'kube-apiserver'), listening(10250, 'kubelet'), listening(10000, 'cloudcore')].join(
      '\n',
    )
    for (const said of ['', own])
      expect(lines('ports', said, master)).toEqual([
        'ok 10000/tcp, 10002/tcp, 10004/tcp, 6443/tcp, 10250/tcp: free, or the lab’s own',
      ])
  })
  test.each([6443, 10250, 10000, 10002, 10004])('%d taken by a stranger', (port) => {
    expect(lines('ports', listening(port, 'nginx'), master).join()).toMatch(
      new RegExp(`^fail ${port}/tcp \\(.*\\) is taken by nginx, process 812 → stop it on pi-1: systemctl status 812`),
    )
  })
  test('a kubelet on the port of CloudCore is a stranger, and so is one without a name', () => {
    expect(lines('ports', listening(10000, 'kubelet'), master)[0]).toStartWith('fail 10000/tcp (CloudHub)')
    expect(lines('ports', 'tcp LISTEN 0 5 0.0.0.0:6443 0.0.0.0:*  ', master)[0]).toMatch(
      /an unknown program → .*grep 6443$/,
    )
  })
  test('a worker has but the kubelet’s, QUIC one of UDP', () => {
    expect(lines('ports', listening(6443, 'nginx'), machineView(lab, { role: 'worker' }))).toEqual([
      'ok 10250/tcp: free, or the lab’s own',
    ])
    const quic = machineView({ ...lab, kubeedge: { ...lab.kubeedge, protocol: 'quic' } }, {})
    expect(lines('ports', 'udp UNCONN 0 0 0.0.0.0:10001 0.0.0.0:* users:(("x",pid=1,fd=2))', quic)[0]).toStartWith(
      'fail 10001/udp',
    )
  })
  test('1883 on an edge: with a broker of its own not looked at, from the bundle free, of the host taken', () => {
    const broker = listening(1883, 'mosquitto')
    expect(lines('ports', listening(1883, 'nginx'), mqtt('none'))).toEqual(['ok an edge needs none'])
    expect(lines('ports', listening(1883, 'nginx'), mqtt('bundle'))[0]).toStartWith(
      'fail 1883/tcp (MQTT broker) is taken by nginx',
    )
    expect(lines('ports', broker, mqtt('bundle'))[0]).toStartWith('ok 1883/tcp')
    expect(lines('ports', broker, mqtt('host'))).toEqual(['ok an MQTT broker listens on 1883'])
    expect(lines('ports', '', mqtt('host'))[0]).toMatch(/^fail nothing listens on 1883, .* → start a broker on pi-1/)
  })
  test('without ss nobody knows', () => expect(lines('ports', 'no ss', master)[0]).toStartWith('warn not known'))
})
