// Plans so many nodes × 17 tasks, `bun plan.ts NODES`, and prints what that cost as JSON: seconds, CPU seconds, peak of the memory.
import { readFileSync } from 'node:fs'
import { buildPlan } from '../../../lib/plan/build-plan.ts'
import { loadTopology } from '../../../lib/topology/load-topology.ts'
import { known } from '../../topology/known.ts'

const nodes = Number(process.argv[2])
const edges = Array.from(
  { length: nodes },
  (_, n) => `  e${n}: { role: edge, ssh: { host: h${n} }, cloudcore: 10.0.0.1 }\n`,
)
const chain = Array.from({ length: 15 }, (_, t) => {
  return `  t${t}: { on: nodes, needs: [${t > 0 ? `t${t - 1}` : ''}], sh: 'true' }\n`
})
const text = `version: 1
lab: big
extends: none
nodes:
  m: { role: control-plane, ssh: { host: m } }
${edges.join('')}tasks:
${chain.join('')}  join: { on: control-plane, needs: [{ task: t14, on: all }], sh: 'true' }
  after: { on: nodes, needs: [join], sh: 'true' }
`
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
