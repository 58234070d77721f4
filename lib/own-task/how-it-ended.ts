import { existsSync } from 'node:fs'
import type { Failure } from '../event/failure.ts'
import { mask } from '../host/secret.ts'

/** The process did not come up. */
export function cannotStart(error: unknown, folder: string): Failure {
  const message = existsSync(folder) ? `its process could not be started: ${error}` : `there is no folder ${folder}`
  return { kind: 'refused', message: mask(message) }
}

/** What to say of a process that nobody asked to end. */
export function howItEnded(code: number | null, name: string | null, signal: AbortSignal | undefined): Failure {
  if (signal?.aborted) {
    return {
      kind: 'own-task',
      message: 'did not stop when it was asked to, and was killed',
      cause: 'it did not let go: a loop without await, or one that does not look at `signal`',
    }
  }
  if (name === null) return { kind: 'own-task', message: `its process ended with exit code ${code}` }
  return {
    kind: 'own-task',
    message: `its process was ended by ${name}`,
    signal: name,
    ...(name === 'SIGKILL'
      ? { cause: 'somebody killed it, or the machine ran out of memory: journalctl -k says' }
      : {}),
  }
}
