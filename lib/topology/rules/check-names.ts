import type { Draft, NodeDraft } from '../draft.ts'
import { roles } from '../select-nodes.ts'
import { quoted } from '../wording.ts'
import type { Complaint } from '../yaml-file.ts'

const longestName = 40

/** `kedge-<lab>-<node>` names a VM and must do as a host name, which has 63 characters at most. */
const longestPair = 56

const reserved: ReadonlySet<string> = new Set(['hypervisor', 'nodes', 'cloud', 'all'])

/** Names that end up in host names, libvirt, Kubernetes and file names; labels and variables by their own rules. */
export function* checkNames(draft: Draft): Iterable<Complaint> {
  const { lab } = draft.raw
  if (lab !== undefined) yield* checkLabel('a lab', lab, { path: ['lab'] })
  const labLength = lab === undefined || lab.length > longestName ? 0 : lab.length

  for (const name of draft.networks.keys()) {
    yield* checkLabel('a network', name, { path: ['networks', name], mark: 'key' }, labLength)
  }
  for (const node of draft.nodes) {
    const place = { path: ['nodes', node.name], mark: 'key' } as const
    yield* checkLabel('a node', node.name, place, labLength)
    yield* checkReserved(node, draft.nodes, place)
    yield* checkKubernetesLabels(node, draft)
  }
  yield* checkRegistries(draft)
  for (const [task, entry] of Object.entries(draft.raw.tasks ?? {})) {
    const place = { path: ['tasks', task], mark: 'key' } as const
    if (task === 'all') yield { ...place, message: '`all` cannot name a task: it stands for every task' }
    else if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(task) || /^\d+$/.test(task)) {
      yield {
        ...place,
        message: `${quoted(task)} cannot name a task`,
        hint: 'letters, digits, `-`, `_` and `.`, at most 63, at least one a letter',
      }
    }
    for (const variable of Object.keys(entry?.env ?? {})) {
      if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) continue
      yield {
        path: ['tasks', task, 'env', variable],
        mark: 'key',
        message: `${quoted(variable)} cannot name an environment variable`,
        hint: 'letters, digits and `_`, not starting with a digit',
      }
    }
  }
}

/** As it stands in an image's name; without a dot or a port the first part of that is none. */
function* checkRegistries({ raw }: Draft): Iterable<Complaint> {
  for (const registry of Object.keys(raw.mirrors?.registries ?? {})) {
    if (/^(?=.*[.:]|localhost$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?$/.test(registry)) continue
    yield {
      path: ['mirrors', 'registries', registry],
      mark: 'key',
      message: `${quoted(registry)} cannot name a registry`,
      hint: 'for example `docker.io` or `registry.example:5000`',
    }
  }
}

type Place = Pick<Complaint, 'path' | 'mark'>

function* checkLabel(what: string, name: string, place: Place, labLength = 0): Iterable<Complaint> {
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) || /^\d+$/.test(name)) {
    const rule = 'small letters, digits and `-` inside, at least one a letter'
    const better = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
    const hint = /[a-z]/.test(better) && better.length <= longestName ? `${rule}; for example ${quoted(better)}` : rule
    yield { ...place, message: `${quoted(name)} cannot name ${what}`, hint }
  } else if (name.length > longestName) {
    yield { ...place, message: `${quoted(name)} has ${name.length} characters; ${what} has at most ${longestName}` }
  } else if (labLength + name.length > longestPair) {
    yield { ...place, message: `${quoted(name)} and the lab's name have more than ${longestPair} characters together` }
  }
}

/** A role's name may be that of its only node, where both mean the same. */
function* checkReserved(node: NodeDraft, nodes: readonly NodeDraft[], place: Place): Iterable<Complaint> {
  if (reserved.has(node.name)) {
    yield { ...place, message: `${quoted(node.name)} cannot name a node: it has a meaning of its own in \`on\`` }
  }
  const role = roles.find((candidate) => candidate === node.name)
  if (!role || node.role === undefined) return
  if (node.role !== role) {
    yield { ...place, message: `${quoted(role)} is a role, and this node has the role ${quoted(node.role)}` }
  } else if (nodes.some((other) => other !== node && other.role === role)) {
    yield {
      ...place,
      message: `${quoted(role)} cannot name one node of several in that role: \`on: ${role}\` means all of them`,
      hint: `for example ${quoted(`${role}-1`)}`,
    }
  }
}

const labelName = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/
const labelPrefix = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

function* checkKubernetesLabels(node: NodeDraft, { file }: Draft): Iterable<Complaint> {
  for (const key of Object.keys(node.raw.labels ?? {})) {
    const path = ['nodes', node.name, 'labels', key]
    const [name = '', prefix, ...rest] = key.split('/').reverse()
    const isPrefixed = prefix === undefined || (prefix.length <= 253 && labelPrefix.test(prefix))
    if (!labelName.test(name) || !isPrefixed || rest.length > 0) {
      yield {
        path,
        mark: 'key',
        message: `${quoted(key)} is not a label that Kubernetes accepts`,
        hint: 'letters, digits, `-`, `_` and `.`, at most 63; before it a domain and `/`, if any',
      }
    }
    const value = file.textOf(path) ?? ''
    if (value !== '' && !labelName.test(value)) {
      yield {
        path,
        message: `${quoted(value)} is not a label value that Kubernetes accepts`,
        hint: 'letters, digits, `-`, `_` and `.`, at most 63, starting and ending with a letter or digit',
      }
    }
  }
}
