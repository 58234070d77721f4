// Plans so many nodes × 17 tasks, `bun plan.ts NODES`, and prints what that cost as JSON: seconds, CPU seconds, peak of the memory.
import { readFileSync } from 'node:fs'
import { buildPlan } from '../../../lib/plan/build-plan.ts'
import { loadTopology } from '../../../lib/topology/load-topology.ts'
import { known } from '../../topology/known.ts'
import { seventeenTasks } from './seventeen-tasks.ts'

const nodes = Number(process.argv[2])
const edges = Array.from(
  { length: nodes },
  (_, n) => `  e${n}: { role: edge, ssh: { host: h${n} }, cloudcore: 10.0.0.1 }\n`,
)
const text = seventeenTasks(edges.join(''))
const beforeLoad = performance.now()
const loaded = loadTopology(text, '/lab/kedge.config.yaml', known)
if (!loaded.ok) throw new Error(loaded.problems[0]?.message)
const [began, cpuBefore] = [performance.now(), process.cpuUsage()]
const { instances } = buildPlan(loaded.topology)
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
const peakMiB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
const figures = { seconds, cpuSeconds: (user + system) / 1e6, loadSeconds: (began - beforeLoad) / 1000, peakMiB }
console.log(JSON.stringify({ instances: instances.length, ...figures }))
