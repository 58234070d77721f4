import { existsSync } from 'node:fs'
import { verifyBundle } from '../../../bundle/verify-bundle.ts'
import { type Wanted, wantedPieces } from '../../../bundle/wanted.ts'
import { cleanLine } from '../../../report/clean-line.ts'
import { printableJson } from '../../../report/json.ts'
import { formatBytes } from '../../../report/size.ts'
import { table } from '../../../report/table.ts'
import { loadOwnTask } from '../../../task/own-tasks.ts'
import { hypervisorNode } from '../../../topology/topology.ts'
import { bundlePath } from '../../bundle-path.ts'
import type { Command, GlobalOptions, Terminal } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { type Lab, openLab } from '../../lab.ts'

type VerifyOptions = GlobalOptions & { readonly json?: boolean }

export default {
  configure: (program) =>
    program
      .argument('[path]', "a bundle's folder or file (default: the lab's)")
      .option('--json', 'the verdict as JSON')
      .addHelpText(
        'after',
        `
Every piece that the lab's tasks ask for must be there, for each architecture in the lab; every piece that is there must be
whole and what its entry in the manifest says. No host is touched.

Exit code: 0 complete and undamaged, 7 something is missing, damaged or of the wrong kind: each piece is named.

Examples:
  kedge bundle verify
  kedge -c lab.yaml bundle verify /media/usb/kedge.bundle
`,
      ),

  async run(terminal, [given], options: VerifyOptions) {
    const lab = openLab(terminal, options)
    const path = bundlePath(terminal, lab, given)
    const progress = readProgress(terminal, options)
    const wanted = [...wantedPieces(lab.topology), ...(await wantedByOwnTasks(lab))]
    const read = { signal: terminal.signal, onProgress: progress.show }
    const verdict = await verifyBundle(path, wanted, lab.topology, read)
      .catch((error) => {
        if (!terminal.signal.aborted) throw error
      })
      .finally(progress.end)
    if (!verdict) return exitCodes.interrupted
    const { faults, pieces, sizeBytes } = verdict
    const isComplete = faults.length === 0
    if (options.json) terminal.write(`${printableJson({ bundle: path, isComplete, ...verdict }, undefined, 2)}\n`)
    else {
      const rows = faults.map(({ fault, name, architecture = '', message }) => [fault, name, architecture, message])
      for (const line of table(rows.map((row) => row.map(cleanLine)))) terminal.write(`${line}\n`)
      const about = `${path}: ${pieces} pieces, ${formatBytes(sizeBytes)}`
      const verb = isComplete ? `complete for lab ${lab.topology.lab}, and undamaged` : faultsInWords(faults.length)
      if (!isComplete || !options.quiet) terminal.error(`${about}: ${verb}\n`)
    }
    return isComplete ? exitCodes.done : exitCodes.bundle
  },
} satisfies Command

const faultsInWords = (count: number) => `${count} ${count === 1 ? 'piece is' : 'pieces are'} missing or wrong`

/** What own tasks name in their `assets`, on each node that they run on. */
async function wantedByOwnTasks({ topology, plan, ownTasks }: Lab): Promise<readonly Wanted[]> {
  const scripts = new Map(topology.tasks.map(({ name, script }) => [name, script ?? ownTasks.get(name)]))
  const assets = new Map<string, readonly string[]>()
  for (const [name, file] of scripts)
    if (file !== undefined && existsSync(file)) assets.set(name, (await loadOwnTask(file))().assets ?? [])
  const nodes = new Map([hypervisorNode, ...topology.nodes].map((node) => [node.name, node]))
  return plan.instances.flatMap(({ task, node }) => {
    const architecture = nodes.get(node)?.architecture ?? 'all'
    return (assets.get(task) ?? []).map(
      (name): Wanted => ({
        name,
        kind: 'file',
        anyKind: true,
        version: '',
        architecture,
        roles: [],
        nodes: [node],
        task,
      }),
    )
  })
}

/** On a terminal one line that changes, elsewhere one every few seconds; with `--quiet` none. */
function readProgress(terminal: Terminal, { quiet }: GlobalOptions) {
  const isLive = terminal.isTty && terminal.env.TERM !== 'dumb'
  const everyMs = isLive ? 250 : 5000
  let shownAt = performance.now()
  let isShown = false
  return {
    show(done: number, total: number) {
      const now = performance.now()
      if (quiet || now - shownAt < everyMs) return
      shownAt = now
      isShown = true
      const text = `read ${formatBytes(done)} of ${formatBytes(total)}`
      terminal.error(isLive ? `\r\x1b[K${text}` : `${text}\n`)
    },
    end() {
      if (isLive && isShown) terminal.error('\r\x1b[K')
    },
  }
}
