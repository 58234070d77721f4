import { readFileSync } from 'node:fs'
import type { Rule } from '../../lib/host/scripted.ts'
import { makeBundle, type PieceToMake, sha256 } from '../bundle/make-bundle.ts'

export const pauseImage = 'registry.k8s.io/pause:3.10'
export const flannelText = readFileSync(new URL('../fixtures/tasks/valid-flannel.yaml', import.meta.url), 'utf8')

/** What the bundle of the tests' lab holds; a piece's content is its name unless it matters. */
export const labPieces: readonly PieceToMake[] = [
  ...['keadm', 'kubeadm', 'kubelet', 'kubectl', 'crictl'].map((name) => ({ name })),
  ...['containerd', 'cri-o', 'kubernetes-node'].map((name) => ({ name, kind: 'os-packages' as const })),
  { name: 'pod-network', kind: 'manifest', architecture: 'all', content: flannelText },
  { name: pauseImage, kind: 'image' },
  { name: 'registry.k8s.io/kube-apiserver:v1.32.10', kind: 'image', roles: ['control-plane'] },
  { name: 'docker.io/flannel/flannel:v0.27.0', kind: 'image', roles: ['control-plane', 'worker'] },
  { name: 'docker.io/flannel/flannel-cni-plugin:v1.7.1', kind: 'image', roles: ['control-plane', 'worker'] },
  { name: 'docker.io/kubeedge/installation-package:v1.23.1', kind: 'image', roles: ['edge'] },
  { name: 'docker.io/kubeedge/iptables-manager:v1.23.1', kind: 'image', roles: ['control-plane'] },
  { name: 'docker.io/arm/only:v1', kind: 'image', architecture: 'arm64' },
]

let folder: string | undefined

export function labBundle(): string {
  folder ??= makeBundle(labPieces)
  return folder
}

/** A line of sha256sum for a program that is as in the bundle. */
export const sumLine = (name: string, path: string): string => `${sha256(name)}  ${path}\n`

/** The question for the sha256 of programs, and what keeps it cheap the next time. */
export const asksForSums = /isNoted "\$program"; then echo /
export const notesSums: Rule = [/isNoted "\$program"; then continue/, '']

/** Where a piece lies on a node once it is delivered. */
export const delivered = (content: string): string => `/var/lib/kedge/pieces/${sha256(content)}`

/** The question which pieces a node has, and their sha256 at its end. */
const asksForPieces = /pieces\/\$piece[\s\S]* kedge((?: [0-9a-f]{64})+)$/

/** A node that has none of the pieces, neither sent nor on a disk. */
export const noPieces: Rule = [asksForPieces, '']

/** A node to which every piece was sent already. */
export const allPieces: Rule = [
  asksForPieces,
  ({ command }) => (asksForPieces.exec(command)?.[1] ?? '').replaceAll(' ', '\n/var/lib/kedge/pieces/'),
]

/** Steps without those questions. */
export const changesOf = (steps: readonly string[]): string[] =>
  steps.filter((step) => ![asksForPieces, asksForSums, notesSums[0] as RegExp].some((question) => question.test(step)))
