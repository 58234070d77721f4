import { defaults } from '../defaults.ts'
import { type Draft, has, type NodeDraft } from '../draft.ts'
import { parseAddress } from '../ipv4.ts'
import { parseSizeMiB } from '../quantity.ts'
import { quoted } from '../wording.ts'
import type { Complaint } from '../yaml-file.ts'
import type { Path } from '../yaml-values.ts'

/** kubeadm's own preflight limits. */
const kubeadmCpus = 2
const kubeadmMemoryMiB = 1700

const leastMemoryMiB = 128
const mostDiskGiB = 64 * 1024

/** What a node is made of, one node at a time: a VM or an existing machine, and large enough. */
export function* checkNodes(draft: Draft): Iterable<Complaint> {
  yield* checkSizes(draft.raw.machine ?? {}, ['machine'])
  for (const node of draft.nodes) {
    const path = ['nodes', node.name]
    if (node.isVm) {
      yield* checkSizes(node.raw, path)
      if (draft.isCluster && (draft.raw.kubernetes?.distribution ?? 'kubeadm') === 'kubeadm')
        yield* checkKubeadm(node, draft)
    } else {
      for (const key of ['image', 'cpus', 'memory', 'disk'] as const) {
        if (!has(node.raw, key)) continue
        const message = `${quoted(key)} is for VMs, but ${quoted(node.name)} has \`ssh\` and so exists already`
        yield { path: [...path, key], mark: 'key', message }
      }
    }
    yield* checkCloudcore(node)
  }
}

function* checkSizes(part: { readonly memory?: string | undefined; readonly disk?: string | undefined }, path: Path) {
  if (part.memory !== undefined && parseSizeMiB(part.memory) < leastMemoryMiB) {
    yield {
      path: [...path, 'memory'],
      message: `${part.memory} is too little to start a machine`,
      hint: `at least ${leastMemoryMiB}MiB`,
    }
  }
  if (part.disk === undefined) return
  const diskGiB = parseSizeMiB(part.disk) / 1024
  if (!Number.isInteger(diskGiB)) {
    yield {
      path: [...path, 'disk'],
      message: `${quoted(part.disk)} is not a whole number of GiB`,
      hint: `write ${quoted(`${Math.ceil(diskGiB)}GiB`)}`,
    }
  } else if (diskGiB > mostDiskGiB) {
    yield {
      path: [...path, 'disk'],
      message: `${part.disk} is more than a disk can have`,
      hint: `at most ${mostDiskGiB / 1024}TiB`,
    }
  }
}

function* checkKubeadm(node: NodeDraft, draft: Draft): Iterable<Complaint> {
  if (node.role === 'control-plane') {
    const cpus = effective(node, draft, 'cpus')
    if (cpus && cpus.value < kubeadmCpus) {
      const message = `the control plane ${quoted(node.name)} has ${cpus.value} CPU; kubeadm asks for ${kubeadmCpus}`
      yield { path: cpus.path, message }
    }
  }
  if (node.role === 'control-plane' || node.role === 'worker') {
    const memory = effective(node, draft, 'memory')
    if (memory && parseSizeMiB(memory.value) < kubeadmMemoryMiB) {
      const message = `${quoted(node.name)} has ${memory.value} of memory; kubeadm asks for ${kubeadmMemoryMiB}MiB`
      yield { path: memory.path, message, hint: 'for example `2GiB`' }
    }
  }
}

/** What holds for a node and where it is written; undefined where that is not sound. */
function effective<Key extends 'cpus' | 'memory'>(node: NodeDraft, draft: Draft, key: Key) {
  for (const [part, path] of [
    [node.raw, ['nodes', node.name, key]],
    [draft.raw.machine ?? {}, ['machine', key]],
  ] as const) {
    if (!has(part, key)) continue
    const value = part[key]
    return value === undefined ? undefined : { value, path }
  }
  return { value: defaults.machine[key], path: ['nodes', node.name] }
}

function* checkCloudcore(node: NodeDraft): Iterable<Complaint> {
  const path = ['nodes', node.name, 'cloudcore']
  if (!has(node.raw, 'cloudcore')) return
  if (node.role !== undefined && node.role !== 'edge') {
    yield { path, mark: 'key', message: '`cloudcore` is for edges: it says where an edge reaches CloudCore' }
  } else if (node.isVm) {
    yield {
      path,
      mark: 'key',
      message: '`cloudcore` is for machines that exist already',
      hint: 'a VM reaches CloudCore on a network that the control plane is on too',
    }
  } else if (node.raw.cloudcore !== undefined && parseAddress(node.raw.cloudcore) === undefined) {
    yield { path, message: `${quoted(node.raw.cloudcore)} is not a valid IPv4 address` }
  }
}
