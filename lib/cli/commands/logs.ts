import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../event/journal.ts'
import { isLabHeld } from '../../event/lab-lock.ts'
import { type LogPart, logParts } from '../../event/log-parts.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { mustKnow, openLab } from '../lab.ts'

type LogsOptions = GlobalOptions & { readonly run?: string; readonly follow?: boolean }

const lookEverySeconds = 0.2
const pieceBytes = 1024 * 1024

export default {
  configure: (program) =>
    program
      .argument('[task[@node]]', 'one task, or one instance (default: all of the run)')
      .option('--run <id>', 'of this run (default: the latest that printed it)')
      .option('-f, --follow', 'go on as it grows, until the run ends')
      .addHelpText(
        'after',
        '\nOf a log the first 32 MiB and at least the last 16 MiB are kept.\n\nExamples:\n  kedge logs join-edge@edge-1\n  kedge logs install-runtime -f\n',
      ),

  async run(terminal, [wanted], options: LogsOptions) {
    const { stateFolder, topology, plan } = openLab(terminal, options)
    const runs = join(stateFolder, 'runs')
    const ids = existsSync(runs) ? readdirSync(runs).sort().reverse() : []
    // Whoever follows means the run of now, though it may not have come to that task yet.
    const current = options.follow ? currentRun(stateFolder) : undefined
    const run = options.run ?? current ?? ids.find((id) => logsOf(join(runs, id), wanted).length > 0)
    if (!run || (run !== current && logsOf(join(runs, run), wanted).length === 0)) {
      if (options.run !== undefined) mustKnow('run', [options.run], [...ids, ...journaledRuns(stateFolder)])
      if (wanted !== undefined)
        mustKnow(
          'task',
          [wanted],
          plan.instances.flatMap(({ id, task }) => [task, id]),
        )
      throw new CliError(
        exitCodes.usage,
        `lab ${topology.lab} has no log of ${wanted ?? 'anything'}${options.run ? ` in run ${options.run}` : ''}`,
      )
    }
    const show = shower(join(runs, run), wanted, terminal)
    while (options.follow && !terminal.signal.aborted && currentRun(stateFolder) === run) {
      await show()
      await Bun.sleep(lookEverySeconds * 1000)
    }
    await show()
    return terminal.signal.aborted ? exitCodes.interrupted : exitCodes.done
  },
} satisfies Command

/** The run that goes on now; one whose kedge was killed does not. */
function currentRun(stateFolder: string): string | undefined {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path) || !isLabHeld(stateFolder)) return undefined
  const journal = openJournal(path, { readOnly: true })
  try {
    const newest = journal.runs()[0]
    return newest?.result ? undefined : newest?.run
  } finally {
    journal.close()
  }
}

/** Newest first; some may have printed nothing. */
function journaledRuns(stateFolder: string): readonly string[] {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path)) return []
  const journal = openJournal(path, { readOnly: true })
  try {
    return journal.runs().map(({ run }) => run)
  } finally {
    journal.close()
  }
}

/** Writes what has come to the logs since it was called last, under the name of the log where there is more than one. */
function shower(folder: string, wanted: string | undefined, terminal: Terminal): () => Promise<void> {
  /** In bytes of all that the instance printed. */
  const shown = new Map<string, number>()
  let last: string | undefined
  return async () => {
    const logs = logsOf(folder, wanted)
    for (const { name, parts } of logs) {
      for (const { path, offset } of parts) {
        const from = shown.get(name) ?? 0
        const size = sizeOf(path)
        if (size === undefined || offset + size <= from) continue
        if (last !== name && (logs.length > 1 || last !== undefined)) terminal.write(`==> ${name}\n`)
        last = name
        if (offset > from) terminal.write(`… ${inMiB(offset - from)} that were printed here are not kept …\n`)
        const start = Math.max(0, from - offset)
        shown.set(name, offset + start + (await writePart(path, start, size, terminal)))
      }
    }
  }
}

const inMiB = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`

/** Undefined for a part that has had to make room meanwhile. */
const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size

/** Resolves to how many bytes were written. */
async function writePart(path: string, from: number, to: number, terminal: Terminal): Promise<number> {
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
  const decoder = new TextDecoder()
  let at = from
  try {
    const piece = Buffer.alloc(Math.min(pieceBytes, to - from))
    while (at < to && !terminal.signal.aborted) {
      const bytes = readSync(descriptor, piece, 0, Math.min(piece.length, to - at), at)
      if (bytes === 0) break
      at += bytes
      terminal.write(decoder.decode(piece.subarray(0, bytes), { stream: at < to }))
      await terminal.backlog()
    }
  } finally {
    closeSync(descriptor)
  }
  return at - from
}

type Log = { readonly name: string; readonly parts: readonly LogPart[] }

/** Logs in a run's folder that belong to a task or an instance, oldest first. */
function logsOf(folder: string, wanted: string | undefined): readonly Log[] {
  const logs = existsSync(folder) ? [...logParts(folder)].map(([name, parts]) => ({ name, parts })) : []
  const matching = logs.filter(
    ({ name }) => wanted === undefined || (wanted.includes('@') ? name === wanted : name.startsWith(`${wanted}@`)),
  )
  const bornAt = ({ parts: [first] }: Log) =>
    first ? (statSync(first.path, { throwIfNoEntry: false })?.birthtimeMs ?? 0) : 0
  return matching.sort((a, b) => bornAt(a) - bornAt(b))
}
