import { parseDocuments } from '../topology/parse-documents.ts'
import type { Node, Topology } from '../topology/topology.ts'
import { fits, type LocatedPiece } from './bundle.ts'
import { fullName, repositoryOf } from './image-reference.ts'
import { readAsset } from './read-asset.ts'
import type { Fault } from './verify-bundle.ts'
import type { Wanted } from './wanted.ts'

/** What is wanted and not there, each piece once, with the nodes that would do without it. */
export function lacking(
  wanted: readonly Wanted[],
  pieces: readonly LocatedPiece[],
  topology: Topology,
): readonly Fault[] {
  const nodes = new Map(topology.nodes.map((node) => [node.name, node]))
  return asNamed(wanted, pieces, topology).flatMap((each): readonly Fault[] => {
    const candidates = pieces.filter((piece) => (each.anyKind || piece.kind === each.kind) && isNamed(piece.name, each))
    const about = { name: each.name, kind: each.kind, architecture: each.architecture }
    const without = each.nodes.filter((name) => !candidates.some((piece) => serves(piece, nodes.get(name), each)))
    if (without.length > 0)
      return [{ ...about, fault: 'missing', nodes: without, message: whyMissing(each, candidates, without) }]
    const other = candidates.find((piece) => isExact(each) && piece.version !== each.version && fitsWanted(piece, each))
    if (!other) return []
    return [
      {
        ...about,
        fault: 'version',
        message: `it is version ${other.version}, and the lab wants ${each.version}`,
      } as const,
    ]
  })
}

/** The hypervisor is no node of the file: what runs there wants its architecture, and imports no image. */
const serves = (piece: LocatedPiece, node: Node | undefined, wanted: Wanted): boolean =>
  fits(piece, node?.architecture ?? wanted.architecture) && (node === undefined || isImported(piece, node))

/** The MQTT broker goes to edges whatever the bundle says of it. */
const isImported = ({ kind, name, roles }: LocatedPiece, node: Node): boolean =>
  kind !== 'image' || roles.length === 0 || roles.includes(node.role) || /\/eclipse-mosquitto:/.test(name)

const fitsWanted = (piece: LocatedPiece, { architecture }: Wanted) =>
  architecture === 'all' || fits(piece, architecture)

/** Programs of Kubernetes and KubeEdge; others go with what the bundle has. */
const isExact = ({ kind, name, anyKind }: Wanted) =>
  !anyKind && kind === 'file' && ['kubeadm', 'kubelet', 'kubectl', 'k3s', 'keadm'].includes(name)

function isNamed(name: string, { name: wanted, anyTag, instead = [] }: Wanted): boolean {
  if (name === wanted || instead.includes(name)) return true
  return anyTag === true && [wanted, ...instead].some((each) => repositoryOf(each) === repositoryOf(name))
}

function whyMissing({ task }: Wanted, candidates: readonly LocatedPiece[], without: readonly string[]): string {
  const who = `${without.join(', ')} ${without.length === 1 ? 'needs' : 'need'} it for ${task}`
  const [other] = candidates
  if (!other) return who
  const isForOthers = other.kind === 'image' && other.roles.length > 0
  const only = isForOthers ? `${other.architecture} and the roles ${other.roles.join(', ')}` : other.architecture
  return `there for ${only} only: ${who}`
}

/** The images that the bundle's own pod network runs, in the place of those that kedge would have taken. */
function asNamed(wanted: readonly Wanted[], pieces: readonly LocatedPiece[], topology: Topology): readonly Wanted[] {
  const manifest = wanted.find(({ kind, name }) => kind === 'manifest' && name === 'pod-network')
  const piece = manifest && pieces.find(({ kind, name }) => kind === 'manifest' && name === 'pod-network')
  const names = piece && imagesIn(readAsset(piece))
  if (!names || names.length === 0) return wanted
  const cloud = topology.nodes.filter(({ role }) => role !== 'edge')
  const architectures = [...new Set(cloud.map(({ architecture }) => architecture))]
  const isAsked = wanted.some(({ namedIn }) => namedIn === 'pod-network')
  const own = architectures.flatMap((architecture) =>
    names.map((name): Wanted => {
      const nodes = cloud.filter((node) => node.architecture === architecture).map((node) => node.name)
      return {
        name,
        kind: 'image',
        version: '',
        architecture,
        roles: ['control-plane', 'worker'],
        nodes,
        task: 'install-network',
      }
    }),
  )
  return [...wanted.filter(({ namedIn }) => namedIn !== 'pod-network'), ...(isAsked ? own : [])]
}

/** Every image that Kubernetes objects name, in full and once. */
export function imagesIn(manifest: string): readonly string[] {
  const documents = parseDocuments(manifest)
  if (!documents.ok) return []
  const names = new Set<string>()
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, part] of Object.entries(value)) {
      if (key === 'image' && typeof part === 'string') names.add(fullName(part))
      else walk(part)
    }
  }
  walk(documents.values)
  return [...names]
}
