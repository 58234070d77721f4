import type { Event, EventBody, InstanceId } from '../../lib/event/event.ts'
import type { Failure } from '../../lib/event/failure.ts'

/** An instance of a run that never was: what it waits for, how long it takes, how it ends. */
export type Simulated = {
  readonly id: InstanceId
  readonly phase: string
  readonly waitsFor: readonly InstanceId[]
  readonly seconds: number
  readonly ends?: 'finished' | 'already-done' | 'pending' | Failure
  /** Failed attempts before the last one, each as long as it. */
  readonly failedAttempts?: { readonly count: number; readonly failure: Failure }
  /** Printed half-way. */
  readonly output?: readonly string[]
}

export type SimulatedRun = {
  readonly run?: string
  readonly lab?: string
  readonly start?: string
  readonly dryRun?: boolean
  /** Ctrl-C after so many seconds. */
  readonly interruptedAfter?: number
}

type Timed = { readonly seconds: number; readonly order: number; readonly body: EventBody }

/** The events of a run that starts every instance as soon as its needs are met, on a clock of its own. */
export function simulateRun(instances: readonly Simulated[], options: SimulatedRun = {}): readonly Event[] {
  const { run = 'r-0007', lab = 'paper', start = '2026-01-05T10:00:00.000Z', dryRun = false } = options
  const stopAt = options.interruptedAfter ?? Number.POSITIVE_INFINITY
  const timed: Timed[] = []
  const at = (seconds: number, body: EventBody) => timed.push({ seconds, order: timed.length, body })
  const ends = new Map<InstanceId, { readonly seconds: number; readonly root: InstanceId | undefined }>()
  const counts = { finished: 0, alreadyDone: 0, failed: 0, heldBack: 0 }

  for (const instance of instances) {
    const { id, phase, waitsFor, seconds, ends: outcome = 'finished', failedAttempts, output = [] } = instance
    const [task = '', node = ''] = id.split('@')
    const fields = { id, task, node, phase }
    const needs = waitsFor.map((need) => ends.get(need)).filter((need) => need !== undefined)
    const begin = Math.max(0, ...needs.map((need) => need.seconds))
    const root = needs.find((need) => need.root)?.root
    if (root) {
      counts.heldBack += 1
      at(begin, { type: 'task-skipped', ...fields, because: 'dependency-failed', seconds: 0, cause: root })
      ends.set(id, { seconds: begin, root })
      continue
    }
    const tries = failedAttempts?.count ?? 0
    const whole = seconds * (tries + 1) + tries * 5
    const end = begin + whole
    ends.set(id, { seconds: end, root: typeof outcome === 'object' ? id : undefined })
    if (end > stopAt) {
      if (begin < stopAt) at(begin, { type: 'task-started', ...fields, why: 'not there yet', attempt: 1 })
      at(stopAt, { type: 'task-skipped', ...fields, because: 'interrupted', seconds: Math.max(0, stopAt - begin) })
      continue
    }
    at(begin, { type: 'task-checking', ...fields })
    if (outcome === 'already-done') {
      counts.alreadyDone += 1
      at(end, { type: 'task-skipped', ...fields, because: 'already-done', seconds: whole })
      continue
    }
    if (outcome === 'pending') {
      at(end, { type: 'task-pending', ...fields, why: `${task} is missing`, seconds: whole })
      continue
    }
    let now = begin
    for (let attempt = 1; attempt <= tries + 1; attempt++) {
      at(now, { type: 'task-started', ...fields, why: `${task} is missing`, attempt })
      output.forEach((text, line) => {
        at(now + seconds / 2, { type: 'task-output', ...fields, stream: line === 0 ? 'command' : 'stdout', text })
      })
      now += seconds
      if (failedAttempts && attempt <= tries) {
        at(now, {
          type: 'task-retrying',
          ...fields,
          attempt,
          inSeconds: 5,
          failure: failedAttempts.failure,
        })
        now += 5
      }
    }
    if (outcome === 'finished') {
      counts.finished += 1
      at(end, { type: 'task-finished', ...fields, seconds: whole })
    } else {
      counts.failed += 1
      at(end, { type: 'task-failed', ...fields, seconds: whole, failure: outcome })
    }
  }

  const seconds = Math.min(stopAt, Math.max(0, ...timed.map((event) => event.seconds)))
  const result = stopAt === seconds ? 'interrupted' : counts.failed > 0 ? 'failed' : 'ok'
  timed.sort((one, other) => one.seconds - other.seconds || one.order - other.order)
  const bodies: Timed[] = [
    {
      seconds: 0,
      order: 0,
      body: { type: 'run-started', lab, kedge: '0.1.0', instances: instances.length, jobs: 8, seed: 1, dryRun },
    },
    ...timed,
    { seconds, order: 0, body: { type: 'run-finished', result, seconds, ...counts } },
  ]
  return bodies.map(({ seconds: when, body }) => ({
    at: new Date(Date.parse(start) + Math.round(when * 1000)).toISOString(),
    run,
    ...body,
  }))
}
