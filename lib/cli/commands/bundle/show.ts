import { piecesAt } from '../../../bundle/bundle.ts'
import { storedBytes } from '../../../bundle/manifest.ts'
import { cleanLine } from '../../../report/clean-line.ts'
import { printableJson } from '../../../report/json.ts'
import { formatBytes } from '../../../report/size.ts'
import { table } from '../../../report/table.ts'
import { bundlePlace, pathOf } from '../../bundle-place.ts'
import type { Command, GlobalOptions } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { openLab } from '../../lab.ts'

type ShowOptions = GlobalOptions & { readonly json?: boolean }

export default {
  configure: (program) =>
    program
      .argument('[path]', "a bundle's folder or file, or a pack (default: the lab's)")
      .option('--json', 'all that the manifest says, as JSON')
      .addHelpText('after', '\nExamples:\n  kedge bundle show\n  kedge bundle show /media/usb/kedge.bundle --json\n'),

  async run(terminal, [given], options: ShowOptions) {
    const place = await bundlePlace(terminal, openLab(terminal, options), given)
    const path = pathOf(place)
    const absent: string[] = []
    const pieces = piecesAt(place, ({ message }) => absent.push(message))
    const sizeBytes = storedBytes(pieces)
    if (options.json) {
      const entries = pieces.map(({ bundleFile: _, ...piece }) => piece)
      terminal.write(`${printableJson({ bundle: path, sizeBytes, pieces: entries, absent }, undefined, 2)}\n`)
    } else {
      const rows = pieces.map((piece) => [
        piece.name,
        piece.kind,
        piece.version,
        piece.architecture,
        formatBytes(piece.sizeBytes),
        piece.source ?? '-',
      ])
      const heads = ['name', 'kind', 'version', 'architecture', 'size', 'source']
      for (const line of table([heads, ...rows.map((row) => row.map(cleanLine))])) terminal.write(`${line}\n`)
      terminal.error(`${path}: ${pieces.length} pieces, ${formatBytes(sizeBytes)}\n`)
    }
    for (const message of absent) terminal.error(`kedge: ${cleanLine(message)}\n`)
    return absent.length === 0 ? exitCodes.done : exitCodes.bundle
  },
} satisfies Command
