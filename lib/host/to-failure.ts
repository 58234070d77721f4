import { ProcessOutput } from 'zx/core'
import { type Failure, TaskError } from '../event/failure.ts'
import { failedCommands } from './adapt-promise.ts'
import { mask } from './secret.ts'

const keptLines = 20
const keptCharacters = 1000

/** Anything that a task may throw, as data; secrets are masked in every text of it. */
export function toFailure(error: unknown): Failure {
  if (error instanceof TaskError) return maskFailure(error.failure)
  if (error instanceof ProcessOutput) return failureOfCommand(error)
  if (error instanceof Error && error.cause instanceof TaskError) return maskFailure(error.cause.failure)
  if (error instanceof Error && error.name === 'TimeoutError') return { kind: 'timeout', message: mask(error.message) }
  if (isAbort(error)) return { kind: 'command', message: 'Stopped before it was done' }
  const storage = storageFailure(error)
  if (storage) return storage
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return { kind: 'bug', message: mask(message) }
}

/** A disk of this machine that is full or refuses, as files and SQLite's two databases in the state folder say it. */
function storageFailure(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined
  const { code = '', path, message } = error as NodeJS.ErrnoException
  const where = path ?? (code.startsWith('SQLITE_') ? 'the state folder of the lab' : 'a folder of this machine')
  if (['ENOSPC', 'EDQUOT', 'SQLITE_FULL'].includes(code)) {
    return {
      kind: 'refused',
      message: mask(`the disk is full: there is no room left for ${where}`),
      cure: 'see with df -h which disk that is, make room, and run it again',
    }
  }
  if (/^SQLITE_(IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB)/.test(code)) {
    return {
      kind: 'refused',
      message: mask(`the journal or the lock in ${where} cannot be used: ${message}`),
      cure: 'see with ls -l and df -h whether the folder can be written and has room; --state gives another one',
    }
  }
  return undefined
}

function failureOfCommand(output: ProcessOutput): Failure {
  const known = failedCommands.get(output)
  const command = known?.shown ?? ''
  const facts = {
    ...(known ? { host: known.host } : {}),
    ...(command ? { command } : {}),
    ...(output.exitCode === null ? {} : { exitCode: output.exitCode }),
    ...(output.signal === null ? {} : { signal: output.signal }),
    ...lastLinesOf(output.stdall),
  }
  if (output.cause) return { ...facts, ...toFailure(output.cause) }
  const name = command ? `“${firstLine(command)}”` : 'A command'
  if (known?.timedOut) return { kind: 'timeout', message: `${name} took longer than it may`, ...facts }
  const end = output.signal === null ? `ended with exit code ${output.exitCode}` : `was ended by ${output.signal}`
  return { kind: 'command', message: `${name} ${end}`, ...facts }
}

function lastLinesOf(text: string): { lastLines?: readonly string[] } {
  const lines = text
    .trimEnd()
    .slice(-keptLines * keptCharacters)
    .split(/\r?\n/)
  const last = lines.slice(-keptLines).map((line) => mask(line).slice(0, keptCharacters))
  return last.some((line) => line !== '') ? { lastLines: last } : {}
}

function firstLine(command: string): string {
  const line = command.trim().split('\n', 1)[0] ?? ''
  return line.length < command.trim().length || line.length > 120 ? `${line.slice(0, 120)} …` : line
}

function maskFailure(failure: Failure): Failure {
  const text = (value: string | undefined) => (value === undefined ? undefined : mask(value))
  const masked = {
    ...failure,
    message: mask(failure.message),
    command: text(failure.command),
    cause: text(failure.cause),
    cure: text(failure.cure),
    lastLines: failure.lastLines?.map(mask),
  }
  return Object.fromEntries(Object.entries(masked).filter(([, value]) => value !== undefined)) as unknown as Failure
}

const isAbort = (error: unknown) => error instanceof Error && error.name === 'AbortError'
