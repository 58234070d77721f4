import { existsSync, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { openLab } from '../lab.ts'

type LogsOptions = GlobalOptions & { readonly run?: string; readonly follow?: boolean }

export default {
  configure: (program) =>
    program
      .argument('[task[@node]]', 'one task, or one instance (default: all of the run)')
      .option('--run <id>', 'of this run (default: the latest that printed it)')
      .option('-f, --follow', 'go on as it grows, until Ctrl-C')
      .addHelpText('after', '\nExamples:\n  kedge logs join-edge@edge-1\n  kedge logs install-runtime\n'),

  async run(terminal, [wanted], options: LogsOptions) {
    const { stateFolder, topology } = openLab(terminal, options)
    const runs = join(stateFolder, 'runs')
    const ids = existsSync(runs) ? readdirSync(runs).sort().reverse() : []
    const run = options.run ?? ids.find((id) => logsOf(join(runs, id), wanted).length > 0)
    const files = run && existsSync(join(runs, run)) ? logsOf(join(runs, run), wanted) : []
    if (!run || files.length === 0) {
      throw new CliError(
        exitCodes.usage,
        `lab ${topology.lab} has no log of ${wanted ?? 'anything'}${options.run ? ` in run ${options.run}` : ''}`,
      )
    }
    const read = new Map<string, number>()
    const show = () => {
      for (const file of files) {
        const path = join(runs, run, file)
        const size = statSync(path).size
        const from = read.get(file) ?? 0
        if (size <= from) continue
        if (files.length > 1) terminal.write(`==> ${file.slice(0, -'.log'.length)}\n`)
        terminal.write(readFileSync(path).subarray(from, size).toString('utf8'))
        read.set(file, size)
      }
    }
    show()
    if (options.follow) await following(join(runs, run), show, terminal)
    return exitCodes.done
  },
} satisfies Command

/** Log files of a run's folder that belong to a task or an instance, oldest first. */
function logsOf(folder: string, wanted: string | undefined): readonly string[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.log'))
  const matching = files.filter((file) => {
    if (wanted === undefined) return true
    return wanted.includes('@') ? file === `${wanted}.log` : file.startsWith(`${wanted}@`)
  })
  return matching.sort((a, b) => statSync(join(folder, a)).birthtimeMs - statSync(join(folder, b)).birthtimeMs)
}

function following(folder: string, show: () => void, { signal }: Terminal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(folder, show)
    signal.addEventListener('abort', () => {
      watcher.close()
      resolve()
    })
  })
}
