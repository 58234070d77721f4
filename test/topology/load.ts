import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Node, Topology } from '../../lib/topology/topology.ts'
import { known } from './known.ts'

/** The topology of a text that must be sound. */
export function topologyFrom(text: string, file = '/labs/kedge.config.yaml'): Topology {
  const loaded = loadTopology(text, file, known)
  if (loaded.ok) return loaded.topology
  throw new Error(loaded.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'))
}

export function nodeOf({ nodes }: Topology, name: string): Node {
  const node = nodes.find((candidate) => candidate.name === name)
  if (!node) throw new Error(`no node ${name}`)
  return node
}
