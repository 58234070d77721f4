import { inspect } from 'node:util'
import { type Failure, refused, TaskError } from '../../event/failure.ts'
import { toFailure } from '../../host/to-failure.ts'
import { formatProblems } from '../../topology/format-problem.ts'
import { problemOf } from '../read-own-task.ts'
import { shortened } from '../shortened.ts'
import { placeIn } from './place-in.ts'

/** What a task's file threw, as data: with the place in the file, where that is known. */
export function failureOf(error: unknown, file: string): Failure {
  const problem = problemOf(error, file)
  if (problem) {
    const [message = '', ...lines] = formatProblems([problem], { color: false }).trimEnd().split('\n')
    return { kind: 'refused', message, lastLines: lines }
  }
  if (error instanceof SyntaxError && /^Export named .* not found in module 'kedge'/.test(error.message)) {
    const cure = 'kedge init --task NAME writes tasks/kedge.d.ts, which lists what this kedge has'
    return refused(`${shortened(file)}: ${error.message}`, cure).failure
  }
  const failure = error instanceof TaskError ? error.failure : toFailure(error)
  if (failure.kind !== 'bug') return failure
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : `threw ${inspect(error)}`
  const place = error instanceof Error ? placeIn(error.stack ?? '', file) : undefined
  return { kind: 'own-task', message: place ? `${thrown}, at ${place}` : thrown }
}
