import { createHash } from 'node:crypto'
import type { TaskFiles } from '../../topology/topology.ts'
import { alwaysRuns, type Check, done, pending, type Task } from '../task.ts'
import { type Contents, lookAtFiles } from './look-at-files.ts'

/** What is on record of an instance: how it was begun or ended last, and what it was given then. */
export type LastRun = {
  /** False where it was begun and has not ended well. */
  readonly isDone: boolean
  /** Digest of what the lab file and its own code said of the task. */
  readonly task?: string
  /** Digest of its input files. */
  readonly files?: string
  /** The files that this digest is of, where they are on record. */
  readonly contents?: Contents
}

/** One instance's place in the lab's memory. */
export type FilesRecord = {
  /** Digest of what the lab file and its own code say of the task now. */
  readonly task: string
  last(): LastRun | undefined
  /** Told at each look what the input files are, as a digest. */
  found(digest: string): void
  /** Told before a run what it is given. */
  keep(digest: string, contents: Contents): void
}

/**
 * The task with another question before its own check: whether all its outputs are there, and its inputs and itself what they
 * were when it last ran and ended well. Done is what both say is done; a task without a check of its own has this one alone.
 * After the run only the outputs are asked for, so what changes while it runs counts as changed since.
 */
export function upToDate(task: Task, files: TaskFiles, record: FilesRecord): Task {
  let given: { readonly digest: string; readonly contents: Contents } | undefined
  let hasRun = false
  return {
    ...task,
    async check(ctx) {
      const looking = lookAtFiles(ctx.$, hasRun ? { inputs: [], outputs: files.outputs } : files)
      // Both at once; and neither goes on where the other has failed.
      const settled = looking.then(
        () => {},
        () => {},
      )
      const own = await task.check(ctx).finally(() => settled)
      const found = await looking
      const missing = found.missingOutputs.map((output) => `output ${output} is missing`)
      if (!hasRun) {
        given = { digest: digestOf(found.inputs), contents: found.inputs }
        record.found(given.digest)
      }
      if (!own.done && own.why !== alwaysRuns) return own
      if (missing.length > 0) return pending(firstOf(missing))
      return hasRun || !given ? done : sinceLast(record.last(), record.task, given)
    },
    async run(ctx) {
      if (given) record.keep(given.digest, given.contents)
      hasRun = true
      await task.run(ctx)
    },
  }
}

function sinceLast(
  last: LastRun | undefined,
  task: string,
  { digest, contents }: { readonly digest: string; readonly contents: Contents },
): Check {
  if (!last) return pending('there is no run of it on record')
  if (!last.isDone) return pending('its last run did not end well')
  if (last.files === undefined) return pending('what its input files were is not on record')
  const changes = [
    ...(last.task === task ? [] : ['what the lab file says of it, or its own file, changed']),
    ...(last.files === digest ? [] : changesOf(last.contents, contents)),
  ]
  return changes.length === 0 ? done : pending(firstOf(changes))
}

function changesOf(before: Contents | undefined, now: Contents): readonly string[] {
  if (!before) return ['its input files changed']
  const changed = [...now].flatMap(([name, content]) => {
    const was = before.get(name)
    return was === content ? [] : [`${name} ${was === undefined ? 'is new' : 'changed'}`]
  })
  const gone = [...before.keys()].filter((name) => !now.has(name)).map((name) => `${name} is gone`)
  return [...changed, ...gone].sort()
}

const mostNamed = 3

const firstOf = (texts: readonly string[]): string =>
  [...texts.slice(0, mostNamed), ...(texts.length > mostNamed ? [`and ${texts.length - mostNamed} more`] : [])].join(
    ', ',
  )

/** Whatever order they were found in. */
const digestOf = (contents: Contents): string =>
  createHash('sha256')
    .update(JSON.stringify([...contents].sort(([a], [b]) => (a < b ? -1 : 1))))
    .digest('hex')
    .slice(0, 32)
