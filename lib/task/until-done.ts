import type { Check, TaskContext } from './task.ts'

/** Asks every two seconds, says each new answer, and ends with the task's timeout at the latest. */
export async function untilDone(ctx: TaskContext, check: () => Promise<Check>): Promise<void> {
  let said = ''
  for (;;) {
    const answer = await check()
    if (answer.done) return
    if (answer.why !== said) ctx.say(answer.why)
    said = answer.why
    await ctx.sleep(2)
  }
}
