import { defaults } from '../topology/defaults.ts'
import type { Architecture } from '../topology/topology.ts'
import { type Checksum, checksumOf, parseChecksum } from './checksum.ts'
import type { Wanted } from './wanted.ts'

/** Where a piece is published. */
export type Source = {
  readonly url: string
  /** What its bytes are, or where that is published and under which name. */
  readonly checksum?: Checksum | { readonly url: string; readonly file: string }
  /** The piece's path in the .tar.gz that is fetched; without it the file is the piece. */
  readonly member?: string
}

/** What takes the place of a source's address: `--mirror NAME=URL`, or `mirrors` in the lab file. */
export type Mirrors = Readonly<Record<string, string>>

/** Base addresses by the name that `--mirror` takes. */
export const bases = defaults.sources satisfies Mirrors

type SourceName = keyof typeof bases
type Rule = (piece: Wanted & { readonly architecture: Architecture | 'all' }, base: string) => Source | undefined

const kubernetesProgram: Rule = ({ name, version, architecture }, base) => {
  const url = `${base}/v${version}/bin/linux/${architecture}/${name}`
  return { url, checksum: { url: `${url}.sha256`, file: name } }
}

/** By name; a VM image, which may have any name, by what `cloudImage` makes of it. */
const programs: Readonly<Record<string, readonly [SourceName, Rule]>> = {
  kubeadm: ['kubernetes', kubernetesProgram],
  kubelet: ['kubernetes', kubernetesProgram],
  kubectl: ['kubernetes', kubernetesProgram],
  crictl: [
    'cri-tools',
    ({ version, architecture }, base) => {
      const file = `crictl-v${version}-linux-${architecture}.tar.gz`
      const url = `${base}/v${version}/${file}`
      return { url, checksum: { url: `${url}.sha256`, file }, member: 'crictl' }
    },
  ],
  keadm: [
    'kubeedge',
    ({ version, architecture }, base) => {
      const stem = `keadm-v${version}-linux-${architecture}`
      const folder = `${base}/v${version}`
      const checksum = { url: `${folder}/checksum_${stem}.tar.gz.txt`, file: `${stem}.tar.gz` }
      return { url: `${folder}/${stem}.tar.gz`, checksum, member: `${stem}/keadm/keadm` }
    },
  ],
  k3s: [
    'k3s',
    ({ version, architecture }, base) => {
      const folder = `${base}/${encodeURIComponent(`v${k3sRelease(version)}`)}`
      const file = architecture === 'amd64' ? 'k3s' : `k3s-${architecture}`
      return { url: `${folder}/${file}`, checksum: { url: `${folder}/sha256sum-${architecture}.txt`, file } }
    },
  ],
}

const manifests: Readonly<Record<string, readonly [SourceName, Rule]>> = {
  'pod-network': [
    'flannel',
    ({ version }, base) => {
      const pinned = parseChecksum(flannelManifests[version] ?? '')
      return { url: `${base}/v${version}/Documentation/kube-flannel.yml`, ...(pinned ? { checksum: pinned } : {}) }
    },
  ],
}

/** sha256 of Documentation/kube-flannel.yml at each release's tag; flannel publishes none. */
const flannelManifests: Readonly<Record<string, string>> = {
  '0.25.7': '1f9d894f4cf6d3ff78b991341de02fefe64bfa88575bafc2a967eaeaa252a596',
  '0.26.7': 'd3f539ef073032bdbd2d32900719400e0050a8ae1d00a9fef75d9d0f079c7d54',
  '0.27.4': '2242ee218f3c3e724e4efe5f31826a3e38cfdabf334de41aee2b12b48fd4818d',
  '0.28.4': '0bd380eb4954227c903bdea96dc9254650badd2d45ebe31978a47c3ffe2e9727',
}

const debianReleases: Readonly<Record<string, string>> = { '11': 'bullseye', '12': 'bookworm', '13': 'trixie' }

/** Debian's cloud image, whatever the lab calls it: with cloud-init, and rebuilt upstream under one name. */
const cloudImage: Rule = ({ version, architecture }, base) => {
  const release = debianReleases[version]
  if (!release) return undefined
  const folder = `${base}/${release}/latest`
  const file = `debian-${version}-genericcloud-${architecture}.qcow2`
  return { url: `${folder}/${file}`, checksum: { url: `${folder}/SHA512SUMS`, file } }
}

/** K3s counts its own builds of a Kubernetes release; a version without a build is the first. */
const k3sRelease = (version: string) => (version.includes('+') ? version : `${version}+k3s1`)

function ruleOf({ kind, name }: Wanted): readonly [SourceName, Rule] | undefined {
  if (kind === 'file') return programs[name]
  if (kind === 'manifest') return manifests[name]
  return kind === 'vm-image' ? ['cloud-image', cloudImage] : undefined
}

/** Where a program, a manifest or a VM image is published; undefined for what nobody is known to publish. */
export function sourceOf(piece: Wanted, mirrors: Mirrors = {}): Source | undefined {
  // What an own task asks for is known by its name alone.
  const [name, rule] = (!piece.anyKind && ruleOf(piece)) || []
  return name && rule?.(piece, baseOf(name, mirrors))
}

/** The list of a K3s release's images. */
export const k3sImageList = (version: string, mirrors: Mirrors = {}): string =>
  `${baseOf('k3s', mirrors)}/${encodeURIComponent(`v${k3sRelease(version)}`)}/k3s-images.txt`

const baseOf = (name: SourceName, mirrors: Mirrors) => (mirrors[name] ?? bases[name]).replace(/\/+$/, '')

/** The sum of a source's file, from what is published beside it; undefined where that does not name the file. */
export async function expectedSum(
  source: Source,
  fetchText: (url: string) => Promise<string>,
): Promise<Checksum | undefined> {
  const { checksum } = source
  if (!checksum || 'hex' in checksum) return checksum
  return checksumOf(checksum.file, await fetchText(checksum.url))
}
