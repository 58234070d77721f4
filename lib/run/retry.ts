import type { Failure, FailureKind } from '../event/failure.ts'

/** What waiting can cure: a host on its way up, a service not there yet. A refusal or a bug stays what it is. */
const curedByWaiting: Record<FailureKind, boolean> = {
  unreachable: true,
  untrusted: false,
  command: true,
  timeout: true,
  'still-pending': true,
  refused: false,
  bundle: false,
  'own-task': true,
  bug: false,
}

export const isWorthRetrying = (failure: Failure): boolean => curedByWaiting[failure.kind] && !failure.isFinal

/** 2, 4, 8 … seconds, at most 30. `attempt` counts from 1. */
export const retryDelaySeconds = (attempt: number): number => Math.min(30, 2 ** attempt)
