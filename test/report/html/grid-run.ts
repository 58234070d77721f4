import type { InstanceRecord, RunRecord } from '../../../lib/report/fold-run.ts'
import type { RunFacts } from '../../../lib/report/measure-run.ts'
import { tasks as builtIn } from '../../../tasks/index.ts'

const start = Date.UTC(2026, 10, 22, 8, 0, 0)
const iso = (seconds: number) => new Date(start + seconds * 1000).toISOString()

/** All of kedge's 19 tasks on each of so many nodes, one after the other: more than any lab of that size has. */
export function gridRun(nodes: number): { readonly record: RunRecord; readonly facts: RunFacts } {
  const tasks = Object.keys(builtIn)
  const names = Array.from({ length: nodes }, (_, index) => `edge-${index + 1}`)
  const instances = names.flatMap((node, row) =>
    tasks.map((task, step): InstanceRecord => {
      const began = step * 10 + row * 0.1
      return {
        id: `${task}@${node}`,
        task,
        node,
        phase: step < 6 ? 'configuration' : 'installation',
        run: 'grid',
        state: 'finished',
        attempts: 1,
        seconds: 9 + (row % 7) * 0.1,
        startedAt: iso(began),
        finishedAt: iso(began + 9 + (row % 7) * 0.1),
        why: `${task} is not done yet`,
      }
    }),
  )
  return {
    record: {
      id: 'grid',
      lab: 'grid',
      kedge: '0.1.0',
      startedAt: iso(0),
      dryRun: false,
      seconds: tasks.length * 10 + nodes * 0.1,
      result: 'ok',
      total: instances.length,
      instances,
    },
    facts: {
      waits: new Map(
        instances.map(({ id, node }, index) => {
          const before = instances[index - 1]
          return [id, before?.node === node ? [before.id] : []]
        }),
      ),
      roles: new Map(names.map((name) => [name, 'edge'])),
      steps: new Map(),
    },
  }
}
