import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Wanted, wantedPieces } from '../../lib/bundle/wanted.ts'
import { loadLab } from '../tasks/context.ts'

const root = join(import.meta.dir, '../..')
const linesOf = (wanted: readonly Wanted[]) =>
  wanted.map(({ kind, name, architecture, nodes }) => `${kind} ${name} ${architecture}: ${nodes.join(' ')}`)
const namesOf = (change: (text: string) => string) => wantedPieces(loadLab(change)).map(({ name }) => name)

test('the reference lab with one edge on CRI-O and a Pi of another architecture', () => {
  const lab = loadLab((text) => text.replace('{ role: edge, ssh', '{ role: edge, architecture: arm64, ssh'))
  expect(linesOf(wantedPieces(lab))).toEqual([
    'vm-image base amd64: master worker edge-1 edge-2',
    'os-packages containerd amd64: master worker edge-1',
    'os-packages kubernetes-node amd64: master worker',
    'os-packages cri-o amd64: edge-2',
    'os-packages containerd arm64: pi',
    'file kubeadm amd64: master worker',
    'file kubelet amd64: master worker',
    'file kubectl amd64: master worker',
    'file crictl amd64: master worker edge-2',
    'file keadm amd64: master edge-1 edge-2',
    'file keadm arm64: pi',
    'manifest pod-network all: master',
    'image registry.k8s.io/pause:3.10 amd64: master worker edge-1 edge-2',
    'image registry.k8s.io/kube-apiserver:v1.32.10 amd64: master',
    'image registry.k8s.io/kube-controller-manager:v1.32.10 amd64: master',
    'image registry.k8s.io/kube-scheduler:v1.32.10 amd64: master',
    'image registry.k8s.io/kube-proxy:v1.32.10 amd64: master worker',
    'image registry.k8s.io/coredns/coredns:v1.11.3 amd64: master worker',
    'image registry.k8s.io/etcd:3.5.16-0 amd64: master',
    'image ghcr.io/flannel-io/flannel:v0.27.4 amd64: master worker',
    'image ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1 amd64: master worker',
    'image docker.io/kubeedge/cloudcore:v1.23.1 amd64: master',
    'image docker.io/kubeedge/iptables-manager-nft:v1.23.1 amd64: master worker',
    'image docker.io/kubeedge/installation-package:v1.23.1 amd64: edge-1 edge-2',
    'image registry.k8s.io/pause:3.10 arm64: pi',
    'image docker.io/kubeedge/installation-package:v1.23.1 arm64: pi',
  ])
})

test('K3s brings its own programs, and one image under a name of its own', () => {
  const names = namesOf((text) => text.replace('kubeadm, version: 1.32.10', 'k3s, version: 1.32.10+k3s1'))
  expect(names).toContain('k3s')
  expect(names.filter((name) => /^kube(adm|let|ctl)$|kube-apiserver|etcd/.test(name))).toEqual([])
  expect(names.filter((name) => name.includes('coredns'))).toEqual([
    'docker.io/rancher/mirrored-coredns-coredns:1.12.0',
  ])
})

test('the broker is wanted where the file asks for it, the old iptables manager where the chart has no other', () => {
  const broker = 'docker.io/library/eclipse-mosquitto:1.6.15'
  expect(namesOf((text) => text)).not.toContain(broker)
  expect(namesOf((text) => text.replace('version: 1.23.1 }', 'version: 1.23.1, mqtt: bundle }'))).toContain(broker)
  const old = namesOf((text) => text.replace('1.32.10', '1.30.4').replace('1.23.1', '1.20.0'))
  expect(old.filter((name) => name.includes('iptables'))).toEqual(['docker.io/kubeedge/iptables-manager:v1.20.0'])
})

test('a task that is taken out, or replaced by a script, asks for nothing', () => {
  const names = namesOf(
    (text) => `${text}\ntasks:\n  load-images: null\n  load-kubeedge-images: null\n  install-runtime: { sh: "true" }\n`,
  )
  expect(names.filter((name) => name.includes('/') || name === 'containerd')).toEqual([])
  expect(names).toContain('kubeadm')
})

/**
 * What tasks ask for stands in their code; whoever adds a piece there has to add it here, or a bundle that is complete would
 * fail a run.
 */
describe('every piece that the code names is wanted in one lab or the other', () => {
  const wanted = new Set(
    [
      namesOf((text) => text),
      namesOf((text) => text.replace('kubeadm, version: 1.32.10', 'k3s, version: 1.32.10+k3s1')),
    ].flat(),
  )
  const folders = [
    'tasks',
    ...['runtime', 'distribution', 'kubeedge', 'machine', 'firewall'].map((name) => `lib/${name}`),
  ]
  const files = folders.flatMap((folder) => [...new Bun.Glob(`${folder}/**/*.ts`).scanSync(root)])
  const sources = files.map((file) => readFileSync(join(root, file), 'utf8'))
  const patterns = [/\basset\('([\w.-]+)'\)/g, /\basset: '([\w.-]+)'/g, /installPackages\(ctx, '([\w.-]+)'\)/g]
  const lists = /\[([^\]]*)\]\.map\(\(name\) => \(\{\s*asset: name/g
  const named = new Set(
    sources.flatMap((source) => [
      ...patterns.flatMap((pattern) => [...source.matchAll(pattern)].map(([, name = '']) => name)),
      ...[...source.matchAll(lists)].flatMap(([, list = '']) =>
        [...list.matchAll(/'([\w.-]+)'/g)].map(([, name = '']) => name),
      ),
    ]),
  )
  test.each([...named])('%s', (name) => expect(wanted).toContain(name))
  test('and the code was understood', () => expect(named.size).toBeGreaterThanOrEqual(9))
})
