import { verifyBundle } from '../../../bundle/verify-bundle.ts'
import { cleanLine } from '../../../report/clean-line.ts'
import { printableJson } from '../../../report/json.ts'
import { formatBytes } from '../../../report/size.ts'
import { table } from '../../../report/table.ts'
import { bundlePlace, pathOf } from '../../bundle-place.ts'
import { bytesDisplay } from '../../bytes-display.ts'
import type { Command, GlobalOptions } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { openLab } from '../../lab.ts'
import { wantedByLab } from '../../wanted-by-lab.ts'

type VerifyOptions = GlobalOptions & { readonly json?: boolean; readonly signedBy?: string }

export default {
  configure: (program) =>
    program
      .argument('[path]', "a bundle's folder or file, or a pack (default: the lab's)")
      .option(
        '--signed-by <key>',
        'refuse what is not a pack signed with this ed25519 public key, or the one in this file',
      )
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
  kedge bundle verify ./kedge-lab --signed-by ~/.ssh/id_ed25519.pub
`,
      ),

  async run(terminal, [given], options: VerifyOptions) {
    const lab = openLab(terminal, options)
    const place = await bundlePlace(terminal, lab, given, options.signedBy)
    const path = pathOf(place)
    const progress = bytesDisplay(terminal, options, 'reading the bundle')
    const wanted = await wantedByLab(lab)
    const read = { signal: terminal.signal, onProgress: progress.show }
    const verdict = await verifyBundle(place, wanted, lab.topology, read)
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
