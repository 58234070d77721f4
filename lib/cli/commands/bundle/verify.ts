import { bundlePlace } from '../../bundle-place.ts'
import { checkBundle } from '../../check-bundle.ts'
import type { Command, GlobalOptions } from '../../command.ts'
import { openLab } from '../../lab.ts'

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
    return await checkBundle(terminal, lab, place, options)
  },
} satisfies Command
