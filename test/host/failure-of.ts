import type { Failure } from '../../lib/event/failure.ts'
import { toFailure } from '../../lib/host/to-failure.ts'

/** What a task would be said to have failed of; where nothing is thrown, a bug by the name of undefined. */
export const failureOf = async (promise: Promise<unknown>): Promise<Failure> =>
  toFailure(
    await promise.then(
      () => undefined,
      (error) => error,
    ),
  )
