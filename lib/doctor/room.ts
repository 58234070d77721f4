import { fits, type LocatedPiece } from '../bundle/bundle.ts'
import { formatBytes } from '../report/size.ts'
import type { Node } from '../topology/topology.ts'
import { type Area, keyed, words } from './area.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { MachineView } from './machine.ts'

/** In MiB: below these kubeadm refuses, or what runs there is killed before long. */
const leastMemory = { kubeadm: 1700, k3s: 1024, worker: 1024, edge: 256 }
/** The kubelet throws images away from 85 % of a full disk on, and pods from 90 %. */
const imagesGoAt = 0.15
const podsGoAt = 0.1
/** Packages and images are there twice while they are unpacked, and take more room than packed. */
const unpacked = 3

export const room: Area<MachineView> = {
  script: () => `echo "cpus $(nproc)"
sed -n 's/^\\(MemTotal\\|MemAvailable\\): *\\([0-9]*\\) kB/\\1 \\2/p' /proc/meminfo
df -PB1 /var/lib | sed -n '2s/^/disk /p'`,

  judge(said, view) {
    const facts = keyed(said)
    return [
      memoryFinding(facts, view),
      ...(view.node.role === 'control-plane' ? [cpuFinding(facts, view)] : []),
      diskFinding(facts, view),
    ]
  },
}

function memoryFinding(facts: ReadonlyMap<string, string>, { node, topology }: MachineView): Finding {
  const [total, available] = ['MemTotal', 'MemAvailable'].map((key) => Number(facts.get(key) ?? Number.NaN) * 1024)
  if (!total || !available) return warn('memory', 'not known', `see free -m on ${node.name}`)
  const { distribution } = topology.kubernetes
  const least = leastMemory[node.role === 'control-plane' ? distribution : node.role === 'edge' ? 'edge' : 'worker']
  const figure = `${formatBytes(total)}, of which ${formatBytes(available)} available`
  if (total < least * 2 ** 20) {
    const isRefused = node.role === 'control-plane' && distribution === 'kubeadm'
    const cure = `give ${node.name} ${least} MiB or more`
    return isRefused ? fail('memory', `${figure}; kubeadm wants ${least} MiB`, cure) : warn('memory', figure, cure)
  }
  if (available >= (least / 4) * 2 ** 20) return ok('memory', figure)
  return warn('memory', figure, `end what else runs on ${node.name}, or give it more`)
}

function cpuFinding(facts: ReadonlyMap<string, string>, { node, topology }: MachineView): Finding {
  const cpus = Number(facts.get('cpus') ?? Number.NaN)
  if (cpus >= 2 || topology.kubernetes.distribution !== 'kubeadm') return ok('CPUs', String(cpus))
  return fail('CPUs', `${cpus}; kubeadm wants 2`, `take a machine with 2 CPUs for ${node.name}, or distribution: k3s`)
}

function diskFinding(facts: ReadonlyMap<string, string>, { node, pieces }: MachineView): Finding {
  const [, size, , free, , at = '/'] = words(facts.get('disk'))
  const [sizeBytes, freeBytes] = [Number(size), Number(free)]
  if (!(sizeBytes > 0)) return warn('disk', 'not known', `see df -h /var/lib on ${node.name}`)
  const packed = piecesFor(node, pieces ?? [])
  const needed = packed * unpacked
  const asks = packed > 0 ? `; the bundle’s pieces for it need about ${formatBytes(needed)}` : ''
  const figure = `${formatBytes(freeBytes)} free of ${formatBytes(sizeBytes)} on ${at}${asks}`
  const cure = `make room on ${node.name}, or give /var/lib a larger disk: du -xh --max-depth=2 / | sort -h | tail`
  if (freeBytes < packed || freeBytes < podsGoAt * sizeBytes) return fail('disk', figure, cure)
  return freeBytes < needed || freeBytes < imagesGoAt * sizeBytes ? warn('disk', figure, cure) : ok('disk', figure)
}

/** Bytes of all that the bundle has for this node, as they lie there. */
export const piecesFor = (node: Node, pieces: readonly LocatedPiece[]): number =>
  pieces
    .filter(({ kind }) => kind === 'file' || kind === 'image' || kind === 'os-packages')
    .filter((piece) => fits(piece, node.architecture))
    .filter(({ roles }) => roles.length === 0 || roles.includes(node.role))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
