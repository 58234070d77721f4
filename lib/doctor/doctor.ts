import type { Connection } from '../host/host.ts'
import { hypervisorTarget } from '../machine/connections.ts'
import { hypervisorNode, type Node, type Topology } from '../topology/topology.ts'
import { type BundleQuestion, type BundleReport, lookAtBundle } from './bundle.ts'
import type { Finding, Group } from './finding.ts'
import { lookAtHypervisor } from './hypervisor.ts'
import { compareMachineIds } from './identity.ts'
import { lookAtMachine } from './machine.ts'
import { versionsFinding } from './versions.ts'

/** A lab, and the ways to its hosts. */
export type Patient = {
  readonly topology: Topology
  connection(node: Node): Connection
  readonly stateFolder: string
  /** Tasks of kedge's own run in it: what they ask of hosts matters. */
  readonly isForKubernetes: boolean
  readonly bundle: Omit<BundleQuestion, 'topology'>
}

export type Examination = {
  /** These hosts alone; without it all, and what concerns the lab as a whole. */
  readonly on?: readonly string[]
  readonly signal: AbortSignal
  readonly now: () => number
  onOutput(host: string, line: string): void
}

/** Longer than a slow machine takes for all its answers. */
const limitSeconds = 60

/**
 * Looks at the lab's bundle and versions, at the hypervisor where the lab has VMs, and at every machine that exists already,
 * all at once. Nothing is changed or installed anywhere; VMs are kedge's own affair, and are not asked.
 */
export async function examine(patient: Patient, examination: Examination): Promise<readonly Group[]> {
  const { topology, isForKubernetes } = patient
  const { on, now } = examination
  const isMeant = ({ name, machine }: Node) =>
    on === undefined || on.includes(name) || (machine.kind === 'hypervisor' && on.some((each) => isVm(topology, each)))
  const bundle = isForKubernetes
    ? await lookAtBundle({ topology, ...patient.bundle })
    : ({ findings: [] } satisfies BundleReport)
  const pieces = 'pieces' in bundle ? { pieces: bundle.pieces } : {}
  // The time runs for hosts; to read a bundle may take minutes.
  const signal = AbortSignal.any([examination.signal, AbortSignal.timeout(limitSeconds * 1000)])
  const hostOf = (node: Node) =>
    patient.connection(node).bind({ signal, onOutput: (_stream, line) => examination.onOutput(node.name, line) })
  const machines = topology.nodes.filter((node) => node.machine.kind === 'existing' && isMeant(node))
  const needsHypervisor = topology.nodes.some(({ machine }) => machine.kind === 'vm') && isMeant(hypervisorNode)
  const [hypervisor, ...reports] = await Promise.all([
    needsHypervisor
      ? lookAtHypervisor(hostOf(hypervisorNode), { topology, ...pieces }, { ...patient, now, signal })
      : undefined,
    ...machines.map((node) => lookAtMachine(hostOf(node), { node, topology, ...pieces }, { isForKubernetes, now })),
  ])
  const ids = new Map(
    machines.flatMap(({ name }, at) => {
      const id = reports[at]?.machineId
      return id ? [[name, id] as const] : []
    }),
  )
  const ofLab: readonly Finding[] = [
    ...(isForKubernetes && on === undefined ? [versionsFinding(topology), ...bundle.findings] : []),
    ...(ids.size > 1 ? [compareMachineIds(ids)] : []),
  ]
  return [
    ...(ofLab.length > 0 ? [{ host: `lab ${topology.lab}`, about: '', findings: ofLab }] : []),
    ...(hypervisor ? [{ host: 'hypervisor', about: whereIs(topology), findings: hypervisor }] : []),
    ...machines.map((node, at) => ({
      host: node.name,
      about: aboutMachine(node),
      findings: reports[at]?.findings ?? [],
    })),
  ]
}

const isVm = (topology: Topology, name: string): boolean =>
  topology.nodes.some((node) => node.name === name && node.machine.kind === 'vm')

function whereIs({ hypervisor: { uri } }: Topology): string {
  const target = hypervisorTarget(uri)
  return target ? `${target.user}@${target.host}` : 'this machine'
}

const aboutMachine = ({ role, machine }: Node): string =>
  machine.kind === 'existing' ? `${role}, ${machine.ssh.user}@${machine.ssh.host}` : role
