// CPU seconds of planning 10,000 nodes × 17 tasks, and of taking the plan apart and together again as JSON, in one process.
import { buildPlan } from '../../../lib/plan/build-plan.ts'
import { loadTopology } from '../../../lib/topology/load-topology.ts'
import { known } from '../../topology/known.ts'
import { seventeenTasks } from './seventeen-tasks.ts'

const text = seventeenTasks('  e: { role: edge, ssh: { host: e }, cloudcore: 10.0.0.1 }\n')
const loaded = loadTopology(text, '/lab/kedge.config.yaml', known)
if (!loaded.ok) throw new Error(loaded.problems[0]?.message)
const [master, edge] = loaded.topology.nodes
if (!master || !edge) throw new Error('no nodes')
const edges = Array.from({ length: 10_000 }, (_, n) => ({ ...edge, name: `e${n}` }))
const topology = { ...loaded.topology, nodes: [master, ...edges] }

let plan = buildPlan(topology)
const json = cpuSeconds(() => {
  plan = JSON.parse(JSON.stringify(plan))
})
console.log(JSON.stringify({ ours: cpuSeconds(() => void buildPlan(topology)), theirs: json }))

/** The least of a few, since the runtime compiles and tidies up beside the work. */
function cpuSeconds(work: () => void): number {
  const all = Array.from({ length: 6 }, () => {
    Bun.gc(true)
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e6
  })
  return Math.min(...all)
}
