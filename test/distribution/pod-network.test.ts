import { describe, expect, test } from 'bun:test'
import { kubeletUnits } from '../../lib/distribution/kubelet-units.ts'
import { podNetworkObjects, rangePattern } from '../../lib/distribution/pod-network.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { expectGolden } from '../tasks/expect-golden.ts'

const network = (content: string) => {
  const bundle = makeBundle([{ name: 'pod-network', kind: 'manifest', architecture: 'all', content }])
  return podNetworkObjects(sceneOn('master', { bundle }).ctx)
}

describe('the pod network of the bundle, fitted to the lab', () => {
  const objects = podNetworkObjects(sceneOn('master').ctx) as readonly Record<string, unknown>[]
  const find = (kind: string, name: string) =>
    objects.find((each) => each.kind === kind && (each.metadata as { name: string }).name === name) as never

  test('has the same objects in the same order, empty documents left out', () => {
    expect(objects.map(({ kind }) => kind)).toEqual(['Namespace', 'ConfigMap', 'ConfigMap', 'DaemonSet'])
  })

  test("takes the lab's pod range, and keeps the rest of its settings", () => {
    const { data } = find('ConfigMap', 'kube-flannel-cfg') as { data: Record<string, string> }
    expect(JSON.parse(data['net-conf.json'] ?? '')).toEqual({
      Network: '10.244.0.0/16',
      EnableNFTables: false,
      Backend: { Type: 'vxlan' },
    })
    expect(JSON.parse(data['cni-conf.json'] ?? '')).toMatchObject({ name: 'cbr0' })
  })

  test('leaves other settings and objects alone', () => {
    expect(find('ConfigMap', 'unrelated')).toMatchObject({ data: { motd: 'welcome' } } as never)
    expect(find('Namespace', 'kube-flannel')).toEqual({
      kind: 'Namespace',
      apiVersion: 'v1',
      metadata: { name: 'kube-flannel' },
    } as never)
  })

  test('stays off edges, on Linux, and on the NIC of the cloud LAN', async () => {
    await expectGolden('flannel-daemonset.json', `${JSON.stringify(find('DaemonSet', 'kube-flannel-ds'), null, 2)}\n`)
  })
})

test('another network add-on is guarded as well, and is not given flannel’s words', () => {
  const [calico] = network(`
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: calico-node, namespace: kube-system }
spec: { template: { spec: { containers: [{ name: calico-node, command: [start_runit], args: [-v] }] } } }
`) as readonly { spec: { template: { spec: { containers: unknown; affinity: unknown } } } }[]
  expect(calico?.spec.template.spec.containers).toEqual([
    { name: 'calico-node', command: ['start_runit'], args: ['-v'] },
  ])
  expect(JSON.stringify(calico?.spec.template.spec.affinity)).toContain(
    '{"key":"node-role.kubernetes.io/edge","operator":"DoesNotExist"}',
  )
})

test.each([['no YAML', 'kind: [DaemonSet\n', /^refused: the bundle's pod-network manifest is not YAML: /]])(
  'a manifest that is %s',
  async (_, text, said) => expect(await failureOf(Promise.try(() => network(text)))).toMatch(said),
)

describe('the kubelet’s unit', () => {
  const [unit, dropIn] = kubeletUnits({ service: 'crio' })

  test('starts after the runtime of the node, at every boot', () => {
    expect(unit?.path).toBe('/etc/systemd/system/kubelet.service')
    expect(unit?.content).toMatch(/^After=network-online.target crio.service$/m)
    expect(unit?.content).toMatch(/^WantedBy=multi-user.target$/m)
    expect(kubeletUnits({ service: 'containerd' })[0]?.content).toMatch(/^After=.*containerd.service$/m)
  })

  test("has kubeadm's drop-in, whose ExecStart replaces the unit's", () => {
    expect(dropIn?.path).toBe('/etc/systemd/system/kubelet.service.d/10-kubeadm.conf')
    const lines = dropIn?.content.split('\n') ?? []
    expect(lines.filter((line) => line.startsWith('ExecStart='))[0]).toBe('ExecStart=')
    expect(lines.filter((line) => line.startsWith('ExecStart='))[1]).toStartWith('ExecStart=/usr/local/bin/kubelet $')
    for (const word of ['KUBECONFIG_ARGS', 'CONFIG_ARGS', 'KUBEADM_ARGS', 'EXTRA_ARGS']) {
      expect(lines.at(-2)).toContain(`$KUBELET_${word}`)
    }
    expect(dropIn?.content).toContain('EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env')
  })
})

test.each([
  ['192.168.23.0/24', ['192.168.23.1', '192.168.23.254'], ['192.168.24.1', '10.192.168.23']],
  ['192.168.24.8/30', ['192.168.24.9', '192.168.24.10'], ['192.168.24.1', '192.168.24.100', '192.168.24.12']],
  ['10.0.0.5/32', ['10.0.0.5'], ['10.0.0.50', '10.0.0.4']],
  ['172.16.0.0/12', ['172.16.0.1', '172.31.255.1'], ['172.32.0.1', '172.1.0.1']],
])('the pattern of %s fits its addresses and no others', (cidr, inside, outside) => {
  const pattern = new RegExp(rangePattern(cidr))
  expect(inside.filter((address) => !pattern.test(address))).toEqual([])
  expect(outside.filter((address) => pattern.test(address))).toEqual([])
})
