import { TaskError } from '../event/failure.ts'

/** Whether the system refused something, a full disk or a missing right, say: the world's doing, not a bug. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  // An abort has a code as well, which is a number.
  error instanceof Error &&
  !(error instanceof TaskError) &&
  String((error as NodeJS.ErrnoException).code).startsWith('E')
