import { seededRandom } from '../../lib/cli/seeded-random.ts'
import type { Event, EventBody } from '../../lib/event/event.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import type { Instance, Plan } from '../../lib/plan/plan.ts'
import type { World } from '../../lib/run/world.ts'
import type { Task, TaskContext } from '../../lib/task/task.ts'

type Timer = { readonly at: number; readonly fire: () => void }

/**
 * A world without hosts whose clock jumps to the next timer as soon as nothing else happens. Of a context, tasks get the
 * node's name, `say`, `sleep` and `signal`.
 */
export function fakeWorld(tasks: (name: string) => Task, seed = 1): World {
  const timers = new Set<Timer>()
  let now = 0
  let isPumping = false
  const pump = () => {
    const next = [...timers].sort((a, b) => a.at - b.at)[0]
    isPumping = next !== undefined
    if (!next) return
    timers.delete(next)
    now = Math.max(now, next.at)
    next.fire()
    setImmediate(pump)
  }
  const sleep: World['sleep'] = (seconds, signal) =>
    new Promise((resolve, reject) => {
      const stopped = () => {
        timers.delete(timer)
        reject(new DOMException('stopped', 'AbortError'))
      }
      const timer = { at: now + seconds * 1000, fire: resolve }
      if (signal.aborted) return stopped()
      timers.add(timer)
      signal.addEventListener('abort', stopped, { once: true })
      if (!isPumping) {
        isPumping = true
        setImmediate(pump)
      }
    })
  return {
    version: 'test',
    seed,
    task: (instance) => tasks(instance.task),
    context: (instance, { signal, onOutput }) =>
      ({
        node: { name: instance.node },
        say: (text: string) => onOutput('note', text),
        sleep: (seconds: number) => sleep(seconds, signal),
        signal,
      }) as unknown as TaskContext,
    toFailure,
    now: () => now,
    sleep,
    random: seededRandom(seed),
  }
}

/** A plan from `{ 'b@n': ['a@n'] }`, in that order. */
export function planOf(waits: Readonly<Record<string, readonly string[]>>, more: Partial<Instance> = {}): Plan {
  const instances = Object.entries(waits).map(([id, waitsFor]) => {
    const [task = '', node = ''] = id.split('@')
    return {
      id,
      task,
      node,
      phase: 'configuration',
      waitsFor,
      timeoutSeconds: 60,
      retries: 0,
      ...more,
    } as unknown as Instance
  })
  return { lab: 'test', instances }
}

/** Keeps every event, stamped. */
export function recording(): { readonly events: Event[]; emit(body: EventBody): void } {
  const events: Event[] = []
  return { events, emit: (body) => void events.push({ at: '2026-01-01T00:00:00.000Z', run: 'r', ...body }) }
}

/** `type id` of each event about an instance, and the bare type of the others. */
export const outline = (events: readonly Event[]): string[] =>
  events
    .filter(({ type }) => type !== 'task-checking')
    .map((event) => ('id' in event ? `${event.type} ${event.id}` : event.type))
