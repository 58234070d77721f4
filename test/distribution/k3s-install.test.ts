import { describe, expect, test } from 'bun:test'
import { k3sUnit } from '../../lib/distribution/k3s-service.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import installKubernetes from '../../tasks/install-kubernetes.ts'
import installNetwork from '../../tasks/install-network.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { failureOf, loadLab, sceneOn } from '../tasks/context.ts'
import { labPieces } from '../tasks/lab-bundle.ts'
import { begun, type Found, folder, k3sLab, k3sOn, link, manifest, version } from './fake-k3s.ts'
import { asksForNodes, listJson, nodeJson, nodeLines } from './kubectl-answers.ts'

const program = '/usr/local/bin/k3s'
const unit = k3sUnit('control-plane', { service: 'containerd' })
const kernel = {
  '/etc/modules-load.d/kedge.conf': 'overlay\nbr_netfilter\n',
  '/etc/sysctl.d/90-kedge.conf':
    'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\n',
}
const noCoreDns = () => makeBundle([...labPieces, { name: 'k3s' }])

describe('K3s on a cloud node', () => {
  const whole: Found = { paths: [program, link], files: { ...kernel, [unit.path]: unit.content } }

  test('check: done', async () =>
    expect(await installKubernetes.check(k3sOn('master', whole).ctx)).toEqual({ done: true }))

  test.each<[string, Found, string]>([
    ['nothing', {}, 'k3s is not as in the bundle'],
    ['without kubectl', { ...whole, paths: [program] }, `${link} is missing`],
    [
      'another unit',
      { ...whole, files: { ...kernel, [unit.path]: 'ExecStart=/usr/bin/k3s' } },
      `${unit.path} is not what kedge writes`,
    ],
    [
      'a package is missing',
      { ...whole, rules: [[/^dpkg-query/, 'socat installed\n']] },
      'conntrack, ebtables, ethtool, iptables not installed',
    ],
    ['a kernel setting is missing', { ...whole, rules: [[/^sysctl -n/, '0\n1\n1\n']] }, 'net.ipv4.ip_forward not set'],
  ])('check: %s', async (_, found, why) =>
    expect(await installKubernetes.check(k3sOn('master', found).ctx)).toEqual({ done: false, why }),
  )

  const obstacles: [string, string][] = [
    ['kubelet', 'master has a kubelet of its own already, as kubeadm sets it up, and K3s brings another'],
    ['foreign', `master is part of a K3s cluster that kedge did not make (${folder}/agent)`],
    ['edgecore', 'master runs edgecore, which cannot share a machine with K3s'],
    ['route', 'master has no route to Service addresses (10.96.0.0/12)'],
  ]
  test.each(obstacles)(
    '%s stands in the way: said by check, and refused before anything is touched',
    async (name, why) => {
      const scene = k3sOn('master', { ...whole, neighbours: `${name}\n` })
      expect(await installKubernetes.check(scene.ctx)).toEqual({ done: false, why })
      expect(await failureOf(installKubernetes.run(scene.ctx))).toBe(`refused: ${why}`)
      expect(scene.changes()).toEqual([])
    },
  )

  test('the question about what stands in the way, as it is asked', async () => {
    const scene = k3sOn('master', whole)
    await installKubernetes.check(scene.ctx)
    expect(
      scene.steps[0],
    ).toBe(`master$ if [ -e /etc/kubernetes/kubelet.conf ] || systemctl is-active --quiet kubelet; then echo kubelet; fi
if [ -e ${folder}/agent ] && [ ! -e ${begun} ]; then echo foreign; fi
if systemctl is-active --quiet edgecore; then echo edgecore; fi
if ! ip -4 route get 10.96.0.1 >/dev/null 2>&1; then echo route; fi`)
  })

  test('never on an edge, whatever the wiring says', async () => {
    const { ctx, steps } = sceneOn('edge-1', { topology: k3sLab() })
    expect(await failureOf(installKubernetes.run(ctx))).toBe(
      'refused: edge-1 is an edge: K3s and edgecore cannot share a machine',
    )
    expect(steps).toEqual([])
  })

  test('a bundle in which nothing can be CoreDNS is refused on the control plane, before anything is touched', async () => {
    const scene = k3sOn('master', { bundle: noCoreDns() })
    expect(await failureOf(installKubernetes.run(scene.ctx))).toBe(
      'bundle: the bundle has no CoreDNS for master as K3s names it (docker.io/rancher/…coredns…)',
    )
    expect(scene.changes()).toEqual([])
    expect(await failureOf(installKubernetes.run(k3sOn('worker', { bundle: noCoreDns() }).ctx))).toBe('no failure')
  })

  test('run: the program, kubectl as another name of it, the unit; nothing is started or enabled yet', async () => {
    const scene = k3sOn('master')
    await installKubernetes.run(scene.ctx)
    const changes = scene.changes().join('\n')
    expect(changes).toContain(`ln -sfn ${program} ${link}`)
    expect(changes).not.toMatch(/enable|start/)
    expect(scene.steps.at(-1)).toBe('master$ systemctl daemon-reload')
    expect(scene.file('master', unit.path)).toBe(unit.content)
    expect(await installKubernetes.check(scene.ctx)).toEqual({ done: true })
  })
})

describe('the network of a K3s cluster', () => {
  const unpacked = (image: string) =>
    `kind: Deployment\nspec:\n      containers:\n      - name: coredns\n        image: ${image}\n`
  const ready = nodeJson({ name: 'master', version: `v${version}` })
  const cluster: Rule[] = [
    [/get daemonsets,deployments --all-namespaces/, listJson([])],
    [/apply -f -$/, ''],
    [/resolved/, ''],
  ]
  const found = (image: string, more: Found = {}): Found => ({
    files: { [manifest]: unpacked(image) },
    node: ready,
    rules: cluster,
    ...more,
  })

  test.each([
    ['as Docker Hub knows it', 'rancher/mirrored-coredns-coredns:1.12.0'],
    ['in quotes', '"rancher/mirrored-coredns-coredns:1.12.0"'],
    ['with its registry', 'docker.io/rancher/mirrored-coredns-coredns:1.12.0'],
  ])('check: done, with CoreDNS named %s', async (_, image) =>
    expect(await installNetwork.check(k3sOn('master', found(image)).ctx)).toEqual({ done: true }),
  )

  test.each([
    ['another version', 'rancher/mirrored-coredns-coredns:1.10.1', 'docker.io/rancher/mirrored-coredns-coredns:1.10.1'],
    ['the name that K3s used up to 1.21', 'rancher/coredns-coredns:1.8.3', 'docker.io/rancher/coredns-coredns:1.8.3'],
    ['a registry of its own', 'registry:5000/rancher/coredns:1', 'registry:5000/rancher/coredns:1'],
  ])('%s of CoreDNS than the bundle has is named, and nothing is applied', async (_, image, name) => {
    const scene = k3sOn('master', found(image))
    const why = `the bundle has no ${name} for master, which K3s runs CoreDNS from`
    expect(await installNetwork.check(scene.ctx)).toEqual({ done: false, why })
    expect(await failureOf(installNetwork.run(scene.ctx))).toBe(`bundle: ${why}`)
    expect(scene.changes()).toEqual([])
  })

  test('run waits until K3s has deployed CoreDNS, then has K3s leave it alone, then changes things', async () => {
    const scene = k3sOn('master', found('rancher/mirrored-coredns-coredns:1.12.0', { deployment: ['', '', '{}'] }))
    await installNetwork.run(scene.ctx)
    expect(scene.said).toContain('K3s has not deployed CoreDNS yet')
    expect(scene.sleeps).toHaveLength(2)
    expect(scene.changes().slice(0, 2)).toEqual([
      `master$ touch ${manifest}.skip`,
      'master$ /var/lib/kedge/bin/kubectl --kubeconfig=/etc/rancher/k3s/k3s.yaml apply -f -',
    ])
  })

  test('with a kubeadm lab none of this is asked', async () => {
    const { ctx, steps } = sceneOn('master', {
      topology: loadLab(),
      rules: { master: [...cluster, [asksForNodes, nodeLines(nodeJson({ name: 'master' }))]] },
    })
    expect(await installNetwork.check(ctx)).toEqual({ done: true })
    expect(steps.join('\n')).not.toContain('rancher')
  })
})
