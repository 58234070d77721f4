import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../event/replace-file.ts'
import type { Connection, Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import { libvirtUri } from '../machine/libvirt.ts'
import { libvirtName } from '../machine/names.ts'
import { hypervisorNode, type Node, type Topology } from '../topology/topology.ts'
import { ask, judge } from './area.ts'
import type { Finding, Group } from './finding.ts'
import { beforeVms } from './hypervisor.ts'
import { compareMachineIds } from './identity.ts'

/** What a run is about to do, and the ways to its hosts. */
export type QuickQuestion = {
  readonly topology: Topology
  connection(node: Node): Connection
  readonly stateFolder: string
  readonly signal: AbortSignal
  /** Nodes that tasks of kedge's own will run on. */
  readonly nodes: ReadonlySet<string>
  /** Names of those tasks. */
  readonly tasks: ReadonlySet<string>
}

/** A machine that has not answered by then is the run's own affair. */
const patienceSeconds = 5

/**
 * What is cheap to see before anything is touched, and would be dear to find out in the middle: only what is amiss. libvirt is
 * asked for the names of its VMs, and more only where some are still to be made; the machine-ids of machines that exist
 * already are asked for once, and remembered in the lab's folder. Who does not answer is left out.
 */
export async function quickLook(question: QuickQuestion): Promise<readonly Group[]> {
  const { topology } = question
  const [ofVms, ofMachines] = await Promise.all([lookBeforeVms(question), lookAtIds(question)])
  return [
    { host: `lab ${topology.lab}`, about: '', findings: ofMachines },
    { host: 'hypervisor', about: '', findings: ofVms },
  ].flatMap((group) => {
    const findings = group.findings.filter(({ state }) => state !== 'ok')
    return findings.length > 0 ? [{ ...group, findings }] : []
  })
}

async function lookBeforeVms({
  topology,
  nodes,
  tasks,
  connection,
  signal,
}: QuickQuestion): Promise<readonly Finding[]> {
  const vms = topology.nodes.filter(({ name, machine }) => machine.kind === 'vm' && nodes.has(name))
  if (vms.length === 0 || !tasks.has('create-vms')) return []
  const host = hostOf(connection(hypervisorNode), signal)
  return await unlessLost(async () => {
    const uri = libvirtUri(topology.hypervisor.uri)
    const { stdout } = await host.$({ quiet: true })`LC_ALL=C virsh -q -c ${uri} list --all --name 2>/dev/null || true`
    const defined = new Set(stdout.split('\n'))
    if (vms.every(({ name }) => defined.has(libvirtName(topology.lab, name)))) return []
    const view = { topology, vms: new Set(vms.map(({ name }) => name)) }
    return judge(await ask(host, beforeVms, view), beforeVms, view)
  }, [])
}

async function lookAtIds(question: QuickQuestion): Promise<readonly Finding[]> {
  const { topology, nodes, connection, stateFolder, signal } = question
  const machines = topology.nodes.filter(({ name, machine }) => machine.kind === 'existing' && nodes.has(name))
  if (machines.length < 2) return []
  const known = recall(stateFolder)
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceSeconds * 1000)])
  const answers = await Promise.all(
    machines.map(async (node): Promise<readonly [string, string]> => {
      const remembered = known[placeOf(node)]
      if (remembered) return [node.name, remembered]
      const host = hostOf(connection(node), patience)
      const read = async () => (await host.$({ quiet: true })`cat /etc/machine-id`).stdout.trim()
      return [node.name, await unlessLost(read, '')]
    }),
  )
  const ids = new Map(answers.filter(([, id]) => id !== ''))
  const finding = compareMachineIds(ids)
  // Of machines that are to get another one, the old one is of no use.
  if (finding.state === 'ok') remember(stateFolder, known, machines, ids)
  return [finding]
}

const hostOf = (connection: Connection, signal: AbortSignal): Host => connection.bind({ signal, onOutput: () => {} })

async function unlessLost<T>(look: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await look()
  } catch (error) {
    if (toFailure(error).kind === 'bug') throw error
    return otherwise
  }
}

/** Another machine under the same name is asked anew. */
function placeOf({ machine }: Node): string {
  if (machine.kind !== 'existing') return ''
  const { user, host, port } = machine.ssh
  return `${user}@${host}:${port}`
}

type Known = Readonly<Record<string, string>>

const fileIn = (stateFolder: string): string => join(stateFolder, 'machine-ids.json')

function recall(stateFolder: string): Known {
  try {
    const known: unknown = JSON.parse(readFileSync(fileIn(stateFolder), 'utf8'))
    const entries = Object.entries(known ?? {}).filter(([, id]) => typeof id === 'string')
    return Object.fromEntries(entries)
  } catch {
    // Never asked, or not legible: ask again.
    return {}
  }
}

function remember(
  stateFolder: string,
  before: Known,
  machines: readonly Node[],
  ids: ReadonlyMap<string, string>,
): void {
  const found = machines.flatMap((node) => {
    const id = ids.get(node.name)
    return id ? [[placeOf(node), id] as const] : []
  })
  const now = { ...before, ...Object.fromEntries(found) }
  if (JSON.stringify(now) === JSON.stringify(before)) return
  replaceFile(fileIn(stateFolder), `${JSON.stringify(now, null, 2)}\n`)
}
