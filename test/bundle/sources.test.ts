import { expect, test } from 'bun:test'
import { checksumOf } from '../../lib/bundle/checksum.ts'
import { asNamed } from '../../lib/bundle/refine-images.ts'
import { expectedSum, k3sImageList, sourceOf } from '../../lib/bundle/sources.ts'
import { wanted } from './published.ts'

const release = 'https://github.com'

test.each([
  [
    wanted({ name: 'kubelet', version: '1.32.10', architecture: 'arm64' }),
    'https://dl.k8s.io/release/v1.32.10/bin/linux/arm64/kubelet',
    'https://dl.k8s.io/release/v1.32.10/bin/linux/arm64/kubelet.sha256',
    undefined,
  ],
  [
    wanted({ name: 'crictl', version: '1.32.0' }),
    `${release}/kubernetes-sigs/cri-tools/releases/download/v1.32.0/crictl-v1.32.0-linux-amd64.tar.gz`,
    `${release}/kubernetes-sigs/cri-tools/releases/download/v1.32.0/crictl-v1.32.0-linux-amd64.tar.gz.sha256`,
    'crictl',
  ],
  [
    wanted({ name: 'keadm', version: '1.23.1', architecture: 'arm64' }),
    `${release}/kubeedge/kubeedge/releases/download/v1.23.1/keadm-v1.23.1-linux-arm64.tar.gz`,
    `${release}/kubeedge/kubeedge/releases/download/v1.23.1/checksum_keadm-v1.23.1-linux-arm64.tar.gz.txt`,
    'keadm-v1.23.1-linux-arm64/keadm/keadm',
  ],
  [
    wanted({ name: 'k3s', version: '1.32.1+k3s1' }),
    `${release}/k3s-io/k3s/releases/download/v1.32.1%2Bk3s1/k3s`,
    `${release}/k3s-io/k3s/releases/download/v1.32.1%2Bk3s1/sha256sum-amd64.txt`,
    undefined,
  ],
  [
    wanted({ name: 'k3s', version: '1.32.1', architecture: 'arm64' }),
    `${release}/k3s-io/k3s/releases/download/v1.32.1%2Bk3s1/k3s-arm64`,
    `${release}/k3s-io/k3s/releases/download/v1.32.1%2Bk3s1/sha256sum-arm64.txt`,
    undefined,
  ],
  [
    wanted({ name: 'base', kind: 'vm-image', version: '12' }),
    'https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2',
    'https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS',
    undefined,
  ],
] as const)('where it is published, and its checksum: %#', (piece, url, sums, member) => {
  const source = sourceOf(piece)
  expect(source?.url).toBe(url)
  expect(source?.checksum).toMatchObject({ url: sums })
  expect(source?.member).toBe(member as string)
})

test('the pod network has a pinned sum where its release is known', () => {
  const network = (version: string) => sourceOf(wanted({ name: 'pod-network', kind: 'manifest', version }))
  expect(network('0.27.4')?.url).toBe(
    'https://raw.githubusercontent.com/flannel-io/flannel/v0.27.4/Documentation/kube-flannel.yml',
  )
  expect(network('0.27.4')?.checksum).toMatchObject({ algorithm: 'sha256' })
  expect(network('0.99.0')?.checksum).toBeUndefined()
})

test('a mirror takes the place of the base; what nobody publishes has no source', () => {
  const mirrors = { kubernetes: 'http://mirror:8080/k8s/', k3s: 'http://mirror/k3s' }
  expect(sourceOf(wanted({ name: 'kubectl' }), mirrors)?.url).toBe(
    'http://mirror:8080/k8s/v1.32.10/bin/linux/amd64/kubectl',
  )
  expect(k3sImageList('1.32.1', mirrors)).toBe('http://mirror/k3s/v1.32.1%2Bk3s1/k3s-images.txt')
  expect(sourceOf(wanted({ name: 'my-driver' }))).toBeUndefined()
  expect(sourceOf(wanted({ name: 'base', kind: 'vm-image', version: 'plan9' }))).toBeUndefined()
})

const sha = 'a'.repeat(64)
const other = 'b'.repeat(64)
test.each([
  [`${sha}\n`, sha],
  [`${sha}  kubelet\n`, sha],
  [`${sha} *kubelet\n`, sha],
  [`${sha}  ./bin/kubelet\n`, sha],
  [`${sha.toUpperCase()}  kubelet\r\n`, sha],
  [`${other}  kubectl\n${sha}  kubelet\n`, sha],
  [`${'c'.repeat(128)}  kubelet\n`, 'c'.repeat(128)],
  [`${other}  kubectl\n`, undefined],
  [`${other}  kubelet-arm64\n${other}  xkubelet\n`, undefined],
  [`${sha}\n${other}\n`, undefined],
  ['<html>404</html>', undefined],
  ['', undefined],
])('the checksum in %j', (text, hex) => {
  expect(checksumOf('kubelet', text)?.hex).toBe(hex as string)
})

test('a pinned sum is not asked for', async () => {
  const checksum = { algorithm: 'sha256', hex: sha } as const
  expect(await expectedSum({ url: 'x', checksum }, () => Promise.reject(new Error('asked')))).toEqual(checksum)
  expect(await expectedSum({ url: 'x' }, () => Promise.reject(new Error('asked')))).toBeUndefined()
})

test('only images whose tag is a guess take the tag that was found', () => {
  const image = (name: string, anyTag?: true) =>
    wanted({ name, kind: 'image', version: '1', ...(anyTag ? { anyTag } : {}) })
  const list = [image('registry.k8s.io/etcd:3.5.1-0', true), image('x.io/z:1', true), image('x.io/y:1', true)]
  const byPrograms = ['registry.k8s.io/etcd:3.5.16-0', 'registry.k8s.io/pause:3.10']
  const refined = asNamed(list, { byPrograms, byPodNetwork: [] })
  expect(refined.map(({ name, version }) => [name, version])).toEqual([
    ['registry.k8s.io/etcd:3.5.16-0', '3.5.16-0'],
    ['x.io/z:1', '1'],
    ['x.io/y:1', '1'],
  ])
})

test('what the pod network runs takes the place of all that was a guess', () => {
  const guess = (name: string, architecture: 'amd64' | 'arm64') =>
    wanted({ name, kind: 'image', version: '1', architecture, anyTag: true, namedIn: 'pod-network' })
  const list = [guess('f.io/flannel:1', 'amd64'), guess('f.io/plugin:1', 'amd64'), guess('f.io/flannel:1', 'arm64')]
  const names = (byPodNetwork: readonly string[]) =>
    asNamed(list, { byPrograms: [], byPodNetwork }).map(({ name, architecture }) => `${name} ${architecture}`)
  expect(names(['c.io/calico:v3'])).toEqual(['c.io/calico:v3 amd64', 'c.io/calico:v3 arm64'])
  expect(names([])).toEqual(['f.io/flannel:1 amd64', 'f.io/plugin:1 amd64', 'f.io/flannel:1 arm64'])
})
