import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, InstanceId, Reporter } from './event.ts'
import { logPart } from './log-parts.ts'

/**
 * How much of a log is kept: of its beginning, and of its end at least one part and at most two. One task that prints without
 * end must not fill the disk for its neighbours; how it began and what it said last is what people look for.
 */
export type LogLimits = { readonly headBytes: number; readonly partBytes: number }

const limitsOfLogs: LogLimits = { headBytes: 32 * 1024 * 1024, partBytes: 16 * 1024 * 1024 }

/** Where the log of an instance begins. */
export const logFile = (stateFolder: string, run: string, id: InstanceId): string =>
  logPart(join(stateFolder, 'runs', run), id, 0)

type OpenLog = {
  descriptor: number
  /** In bytes of all that the instance printed: where the file at hand begins, and where it goes on. */
  start: number
  end: number
  /** Starts of the files past the beginning, oldest first. */
  readonly parts: number[]
}

/** Writes what each instance prints to files of its own under `<state>/runs/<run>/`, commands and verdicts between. */
export function logFiles(stateFolder: string, limits = limitsOfLogs): Reporter {
  const open = new Map<InstanceId, OpenLog>()
  const folderOf = ({ run }: Event) => join(stateFolder, 'runs', run)

  const openLog = (event: Event & { id: InstanceId }): OpenLog => {
    mkdirSync(folderOf(event), { recursive: true, mode: 0o700 })
    const descriptor = openSync(logFile(stateFolder, event.run, event.id), 'a', 0o600)
    return { descriptor, start: 0, end: fstatSync(descriptor).size, parts: [] }
  }
  const openNextPart = (log: OpenLog, event: Event & { id: InstanceId }) => {
    const next = openSync(logPart(folderOf(event), event.id, log.end), 'a', 0o600)
    closeSync(log.descriptor)
    log.descriptor = next
    log.start = log.end
    log.parts.push(log.end)
    const spent = log.parts.length > 2 ? log.parts.shift() : undefined
    if (spent !== undefined) rmSync(logPart(folderOf(event), event.id, spent), { force: true })
  }
  const append = (event: Event & { id: InstanceId }, line: string) => {
    const log = open.get(event.id) ?? openLog(event)
    open.set(event.id, log)
    const room = log.start === 0 ? limits.headBytes : limits.partBytes
    if (log.end - log.start >= room) openNextPart(log, event)
    log.end += writeSync(log.descriptor, `${event.at} ${line}\n`)
  }
  const close = (id: InstanceId, { isFlushed } = { isFlushed: false }) => {
    const log = open.get(id)
    if (!log) return
    if (isFlushed) fsyncSync(log.descriptor)
    closeSync(log.descriptor)
    open.delete(id)
  }

  const marks = { command: '$', stdout: ' ', stderr: '!', note: '#' } as const
  return (event) => {
    switch (event.type) {
      case 'task-output':
        return append(event, `${marks[event.stream]} ${event.text}`)
      case 'task-started':
        return append(event, `# started, attempt ${event.attempt}: ${event.why}`)
      case 'task-retrying':
        return append(event, `# ${event.failure.message}; again in ${event.inSeconds} s`)
      case 'task-failed':
        append(event, `# failed after ${event.seconds.toFixed(1)} s: ${event.failure.message}`)
        // What somebody will look for is kept through a loss of power; the others the system writes out in its own time.
        return close(event.id, { isFlushed: true })
      case 'task-finished':
        append(event, `# done after ${event.seconds.toFixed(1)} s`)
        return close(event.id)
      case 'task-skipped':
      case 'task-pending':
        return close(event.id)
      case 'task-checking':
      case 'run-started':
      case 'run-finished':
        return
      default:
        event satisfies never
    }
  }
}
