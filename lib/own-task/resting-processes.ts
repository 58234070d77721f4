import { type ProcessOptions, type Served, startTaskProcess, type TaskProcess } from './task-process.ts'

/*
 * Processes that have served an attempt, are as they were before it, and wait for the next. They take no turn; kedge ends them with its last
 * connection, and a kedge that is killed takes them along as it does others.
 */

/** Enough for what ends while something else begins. */
const mostResting = 8

type Resting = { readonly key: string; readonly process: TaskProcess }
const resting: Resting[] = []

/** A process of this kind: one that rests, or a new one. */
export function takeResting(options: ProcessOptions, served: Served): TaskProcess {
  const key = keyOf(options)
  const at = resting.findLastIndex((each) => each.key === key)
  const [known] = at < 0 ? [] : resting.splice(at, 1)
  if (!known) return startTaskProcess(options, served)
  known.process.serve(served)
  return known.process
}

/** Keeps it for the next attempt; the oldest goes where there are too many. */
export function keepResting(options: ProcessOptions, process: TaskProcess): void {
  const kept = { key: keyOf(options), process }
  resting.push(kept)
  void process.closed.then(() => {
    const at = resting.indexOf(kept)
    if (at >= 0) resting.splice(at, 1)
  })
  if (resting.length > mostResting) void resting.shift()?.process.end()
}

/** None rests any more. */
export async function endResting(): Promise<void> {
  await Promise.all(resting.splice(0).map(({ process }) => process.end()))
}

/** Folder, environment, lab and bound of memory are those of a process' whole life. */
const keyOf = ({ folder, env, labFile, memoryMiB, kedge }: ProcessOptions): string =>
  JSON.stringify([folder, Object.entries(env ?? {}).sort(), labFile, memoryMiB, kedge])
