import type { Emit } from '../event/event.ts'
import { fieldsOf, type Instance } from '../plan/plan.ts'
import type { Attempt, TaskContext } from '../task/task.ts'
import type { World } from './world.ts'

/** How long a stopped task may take to let go before the run goes on without it. */
const graceSeconds = 10

export type OpenAttempt = {
  /** Its time is over, and nobody else has stopped it. */
  isTimedOut(): boolean
  /** Once: the task and what it may see and touch until the work has ended, or has been stopped and does not let go. */
  work<T>(job: (task: Attempt, context: TaskContext) => Promise<T>): Promise<T>
}

/** One attempt of an instance, with the task's timeout around it; what it prints becomes events. */
export function openAttempt(instance: Instance, world: World, emit: Emit, stop: AbortSignal): OpenAttempt {
  const fields = fieldsOf(instance)
  const controller = new AbortController()
  const over = new AbortController()
  const onStop = () => controller.abort()
  if (stop.aborted) onStop()
  stop.addEventListener('abort', onStop, { once: true })
  world.sleep(instance.timeoutSeconds, over.signal).then(
    () => controller.abort(),
    () => {},
  )
  return {
    isTimedOut: () => controller.signal.aborted && !stop.aborted,
    async work(job) {
      let task: Attempt | undefined
      try {
        task = world.task(instance)
        const context = world.context(instance, {
          signal: controller.signal,
          fields,
          onOutput: (stream, text) => emit({ type: 'task-output', stream, text, ...fields }),
        })
        return await lettingGo(job(task, context), controller.signal, world)
      } finally {
        over.abort()
        await task?.end?.()
        stop.removeEventListener('abort', onStop)
      }
    },
  }
}

/** The work's own result; once stopped, its commands get a grace to end, and a task that does not listen is left behind. */
async function lettingGo<T>(work: Promise<T>, signal: AbortSignal, world: World): Promise<T> {
  const settled = new AbortController()
  const abandoned = new Promise<never>((_, reject) => {
    const giveUp = () => {
      world.sleep(graceSeconds, settled.signal).then(
        () => reject(new DOMException('the task did not stop', 'AbortError')),
        () => {},
      )
    }
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
  try {
    return await Promise.race([work, abandoned])
  } finally {
    settled.abort()
  }
}
