import { TaskError } from '../event/failure.ts'
import type { Reason } from './reason.ts'
import type { Check, TaskContext } from './task.ts'

/** A look at logs costs a round trip, and what is only on its way would be taken for a failure: the first is after some 20 s. */
const answersBeforeLook = 20
const answersPerLook = 10

/** In seconds. What takes long is asked more seldom, since a question costs the node, or a cluster of many nodes, something too. */
const pauseAfter = (answers: number) => Math.min(2, Math.max(0.5, answers / 10))

/**
 * Asks every half second at first and every two seconds in the end, says each new answer, and ends with the task's timeout at
 * the latest; what was missing last is then in the failure. `look` is asked now and then for what logs say: once the time is
 * over, the node can be asked no more.
 */
export async function untilDone(
  ctx: TaskContext,
  check: () => Promise<Check>,
  look?: () => Promise<Reason | undefined>,
): Promise<void> {
  let said = ''
  let reason: Reason | undefined
  for (let answers = 1; ; answers++) {
    const answer = await unlessOver(ctx, check, () => ({ said, reason }))
    if (answer.done) return
    if (answer.why !== said) ctx.say(answer.why)
    said = answer.why
    if (look && answers >= answersBeforeLook && answers % answersPerLook === 0)
      reason = (await look().catch(() => undefined)) ?? reason
    await unlessOver(
      ctx,
      () => ctx.sleep(pauseAfter(answers)),
      () => ({ said, reason }),
    )
  }
}

/** The work's result; what fails because the task's time is over becomes the failure of what was waited for. */
async function unlessOver<T>(
  { signal }: TaskContext,
  work: () => Promise<T>,
  state: () => { readonly said: string; readonly reason: Reason | undefined },
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { said, reason } = state()
    if (!signal.aborted || said === '') throw error
    const { lines = [], cause, cure } = reason ?? {}
    throw new TaskError(
      {
        kind: 'timeout',
        message: `still waiting: ${said}`,
        lastLines: [...lines, said],
        ...(cause ? { cause } : {}),
        ...(cure ? { cure } : {}),
      },
      { cause: error },
    )
  }
}
