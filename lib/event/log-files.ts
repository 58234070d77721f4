import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, InstanceId, Reporter } from './event.ts'

/** Past this a log says that it was cut: one task that prints without end must not fill the disk for its neighbours. */
const maximumLogBytes = 64 * 1024 * 1024

export const logFile = (stateFolder: string, run: string, id: InstanceId): string =>
  join(stateFolder, 'runs', run, `${id}.log`)

/** Writes what each instance prints to a file of its own under `<state>/runs/<run>/`, commands and verdicts between. */
export function logFiles(stateFolder: string): Reporter {
  const open = new Map<InstanceId, { descriptor: number; bytes: number }>()

  const append = (event: Event & { id: InstanceId }, line: string) => {
    let log = open.get(event.id)
    if (!log) {
      mkdirSync(join(stateFolder, 'runs', event.run), { recursive: true, mode: 0o700 })
      log = { descriptor: openSync(logFile(stateFolder, event.run, event.id), 'a', 0o600), bytes: 0 }
      open.set(event.id, log)
    }
    if (log.bytes > maximumLogBytes) return
    const text = `${event.at} ${line}\n`
    log.bytes += Buffer.byteLength(text)
    writeSync(log.descriptor, log.bytes > maximumLogBytes ? '… the rest of the output was not kept\n' : text)
  }
  const close = (id: InstanceId) => {
    const log = open.get(id)
    if (!log) return
    fsyncSync(log.descriptor)
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
        return close(event.id)
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
