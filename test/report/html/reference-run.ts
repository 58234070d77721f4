import embeddedText from '../../../kedge.config.yaml' with { type: 'text' }
import type { Failure } from '../../../lib/event/failure.ts'
import type { LogExcerpt } from '../../../lib/event/log-excerpts.ts'
import { buildPlan } from '../../../lib/plan/build-plan.ts'
import type { InstanceRecord, RunRecord } from '../../../lib/report/fold-run.ts'
import type { RunFacts } from '../../../lib/report/measure-run.ts'
import { loadTopology } from '../../../lib/topology/load-topology.ts'
import { tasks as builtIn } from '../../../tasks/index.ts'

/** Seconds that each task takes on its first node; further nodes take a little longer. Simulated, not measured. */
const seconds: Readonly<Record<string, number>> = {
  'create-networks': 1.4,
  'create-vms': 23,
  'disable-swap': 0.9,
  'open-ports': 1.2,
  'install-runtime': 11,
  'set-cgroup-driver': 2.1,
  'load-images': 10,
  'load-kubeedge-images': 6,
  'install-kubernetes': 12,
  'init-cluster': 48,
  'install-network': 14,
  'join-worker': 9,
  'install-cloudcore': 3,
  'init-cloudcore': 17,
  'get-token': 1.1,
  'install-edgecore': 4,
  'send-token': 0.8,
  'join-edge': 13,
  verify: 7,
}

export type ReferenceRun = { readonly record: RunRecord; readonly facts: RunFacts; readonly logs: LogsById }
type LogsById = ReadonlyMap<string, LogExcerpt>

export type ReferenceOptions = {
  readonly edges?: number
  /** How many run at once. */
  readonly jobs?: number
  readonly failing?: Readonly<Record<string, Failure>>
  readonly id?: string
}

const start = Date.UTC(2026, 10, 22, 8, 0, 0)
const iso = (second: number) => new Date(start + Math.round(second * 1000)).toISOString()

/** The paper's lab with so many edges, all of its 19 tasks, on a clock of its own: each starts when it can and a job is free. */
export function referenceRun({
  edges = 2,
  jobs = 4,
  failing = {},
  id = 'simulated',
}: ReferenceOptions = {}): ReferenceRun {
  const loaded = loadTopology(labFile(edges), 'kedge.config.yaml', {
    tasks: new Set(Object.keys(builtIn)),
    base: embeddedText,
  })
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
  const { nodes } = loaded.topology
  const { instances } = buildPlan(loaded.topology)
  const order = new Map(nodes.map(({ name }, index) => [name, index]))
  const ended = new Map<string, { readonly at: number; readonly failed: string | undefined }>()
  const free = Array.from({ length: jobs }, () => 0)
  const records: InstanceRecord[] = []
  const waiting = new Set(instances)
  while (waiting.size > 0) {
    // Of all that could begin, the one whose needs ended first.
    const ready = [...waiting]
      .filter(({ waitsFor }) => waitsFor.every((need) => ended.has(need)))
      .map((instance) => ({
        instance,
        at: Math.max(0, ...instance.waitsFor.map((need) => ended.get(need)?.at ?? 0)),
        cause: instance.waitsFor.map((need) => ended.get(need)?.failed).find((cause) => cause),
      }))
      .sort((one, other) => one.at - other.at)
    const next = ready[0]
    if (!next) throw new Error('a cycle')
    const { instance, cause } = next
    waiting.delete(instance)
    const job = free.indexOf(Math.min(...free))
    const began = cause ? next.at : Math.max(next.at, free[job] ?? 0)
    const failure = failing[instance.id]
    const spent = cause ? 0 : (seconds[instance.task] ?? 1) * (1 + 0.07 * ((order.get(instance.node) ?? 0) % 7))
    const { task, node, phase } = instance
    if (!cause) free[job] = began + spent
    ended.set(instance.id, { at: began + spent, failed: cause ?? (failure && instance.id) })
    records.push({
      id: instance.id,
      task,
      node,
      phase,
      run: id,
      state: cause ? 'held-back' : failure ? 'failed' : 'finished',
      attempts: cause ? 0 : 1,
      seconds: spent,
      startedAt: iso(began),
      finishedAt: iso(began + spent),
      ...(failure ? { failure } : {}),
      ...(cause ? { cause } : { why: `${task} is not done yet` }),
    })
  }
  const whole = Math.max(...[...ended.values()].map(({ at }) => at))
  return {
    record: {
      id,
      lab: 'paper',
      kedge: '0.1.0',
      startedAt: iso(0),
      dryRun: false,
      seconds: whole,
      result: Object.keys(failing).length > 0 ? 'failed' : 'ok',
      total: instances.length,
      instances: records.toSorted((one, other) => one.startedAt.localeCompare(other.startedAt)),
    },
    facts: {
      waits: new Map(instances.map((instance) => [instance.id, instance.waitsFor])),
      roles: new Map(nodes.map(({ name, role }) => [name, role])),
      steps: new Map(Object.entries(builtIn).flatMap(([name, { step }]) => (step ? [[name, step] as const] : []))),
    },
    logs: new Map(records.filter(({ attempts }) => attempts > 0).map((record) => [record.id, logOf(record)])),
  }
}

function logOf({ id, task, node, startedAt, finishedAt, state, seconds: spent, failure }: InstanceRecord): LogExcerpt {
  const head = [
    `${startedAt} # started, attempt 1: ${task} is not done yet`,
    `${startedAt} $ simulate ${task}`,
    `${startedAt}   this is what ${task} would print on ${node}`,
    ...(failure ? [`${finishedAt} ! ${failure.lastLines?.at(-1) ?? failure.message}`] : []),
    `${finishedAt} # ${state === 'failed' ? 'failed' : 'done'} after ${spent.toFixed(1)} s`,
  ]
  return { path: `.kedge/paper/runs/simulated/${id}.log`, bytes: head.join('\n').length + 1, head }
}

function labFile(edges: number): string {
  if (edges === 2) return embeddedText
  const numbers = Array.from({ length: edges }, (_, index) => index + 1)
  const lan = (number: number) => `10.${64 + (number >> 6)}.${(number & 63) * 4}`
  const networks = numbers.map((number) => `  edge-${number}: { cidr: ${lan(number)}.0/24 }`)
  const addresses = numbers.map((number) => `edge-${number}: ${lan(number)}.1`)
  const nodes = numbers.map(
    (number) =>
      `  edge-${number}: { role: edge, networks: { management: 192.168.20.${number + 1}, edge-${number}: ${lan(number)}.2 } }`,
  )
  return `version: 1
lab: paper
networks:
  management: { cidr: 192.168.20.0/22, management: true }
  cloud: { cidr: 192.168.24.0/24 }
${networks.join('\n')}
machine: { image: base, cpus: 2, memory: 4GiB, disk: 20GiB }
nodes:
  master: { role: control-plane, networks: { management: 192.168.22.10, cloud: 192.168.24.10, ${addresses.join(', ')} } }
  worker: { role: worker, networks: { management: 192.168.22.11, cloud: 192.168.24.11 } }
${nodes.join('\n')}
runtime: { name: containerd }
kubernetes: { distribution: kubeadm, version: 1.32.10 }
kubeedge: { version: 1.23.1 }
bundle: ./bundle
`
}
