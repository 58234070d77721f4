import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../event/journal.ts'
import { isLabHeld } from '../../event/lab-lock.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { openLab } from '../lab.ts'

type LogsOptions = GlobalOptions & { readonly run?: string; readonly follow?: boolean }

const lookEverySeconds = 0.2
const pieceBytes = 1024 * 1024

export default {
  configure: (program) =>
    program
      .argument('[task[@node]]', 'one task, or one instance (default: all of the run)')
      .option('--run <id>', 'of this run (default: the latest that printed it)')
      .option('-f, --follow', 'go on as it grows, until the run ends')
      .addHelpText('after', '\nExamples:\n  kedge logs join-edge@edge-1\n  kedge logs install-runtime -f\n'),

  async run(terminal, [wanted], options: LogsOptions) {
    const { stateFolder, topology } = openLab(terminal, options)
    const runs = join(stateFolder, 'runs')
    const ids = existsSync(runs) ? readdirSync(runs).sort().reverse() : []
    // Whoever follows means the run of now, though it may not have come to that task yet.
    const current = options.follow ? currentRun(stateFolder) : undefined
    const run = options.run ?? current ?? ids.find((id) => logsOf(join(runs, id), wanted).length > 0)
    if (!run || (run !== current && logsOf(join(runs, run), wanted).length === 0)) {
      throw new CliError(
        exitCodes.usage,
        `lab ${topology.lab} has no log of ${wanted ?? 'anything'}${options.run ? ` in run ${options.run}` : ''}`,
      )
    }
    const show = shower(join(runs, run), wanted, terminal)
    while (options.follow && !terminal.signal.aborted && currentRun(stateFolder) === run) {
      show()
      await Bun.sleep(lookEverySeconds * 1000)
    }
    show()
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

/** Writes what has come to the logs since it was called last, under the name of the log where there is more than one. */
function shower(folder: string, wanted: string | undefined, terminal: Terminal): () => void {
  const read = new Map<string, number>()
  let last: string | undefined
  return () => {
    const files = logsOf(folder, wanted)
    for (const file of files) {
      const from = read.get(file) ?? 0
      const size = statSync(join(folder, file)).size
      if (size <= from) continue
      if (last !== file && (files.length > 1 || last !== undefined)) {
        terminal.write(`==> ${file.slice(0, -'.log'.length)}\n`)
      }
      last = file
      writePart(join(folder, file), from, size, terminal)
      read.set(file, size)
    }
  }
}

function writePart(path: string, from: number, to: number, terminal: Terminal): void {
  const descriptor = openSync(path, 'r')
  const decoder = new TextDecoder()
  try {
    const piece = Buffer.alloc(Math.min(pieceBytes, to - from))
    for (let at = from; at < to; ) {
      const bytes = readSync(descriptor, piece, 0, Math.min(piece.length, to - at), at)
      if (bytes === 0) break
      at += bytes
      terminal.write(decoder.decode(piece.subarray(0, bytes), { stream: at < to }))
    }
  } finally {
    closeSync(descriptor)
  }
}

/** Log files of a run's folder that belong to a task or an instance, oldest first. */
function logsOf(folder: string, wanted: string | undefined): readonly string[] {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.log')) : []
  const matching = files.filter((file) => {
    if (wanted === undefined) return true
    return wanted.includes('@') ? file === `${wanted}.log` : file.startsWith(`${wanted}@`)
  })
  return matching.sort((a, b) => statSync(join(folder, a)).birthtimeMs - statSync(join(folder, b)).birthtimeMs)
}
