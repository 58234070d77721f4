import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import type { Plan } from '../../lib/plan/plan.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { tasks } from '../../tasks/index.ts'

const text = readFileSync(join(import.meta.dir, '../../kedge.config.yaml'), 'utf8')

/** The reference lab as it is embedded, with another 198 edges beside its own where asked for 200. */
export function paperLab(edgeCount = 2): { readonly topology: Topology; readonly plan: Plan } {
  const loaded = loadTopology(text, 'kedge.config.yaml', { tasks: new Set(Object.keys(tasks)), base: text })
  if (!loaded.ok) throw new Error('the reference lab does not load')
  const [first] = loaded.topology.nodes.filter(({ role }) => role === 'edge')
  const more = Array.from({ length: edgeCount - 2 }, (_, index) => ({ ...first, name: `edge-${index + 3}` }))
  const topology = { ...loaded.topology, nodes: [...loaded.topology.nodes, ...more] } as Topology
  return { topology, plan: buildPlan(topology) }
}
