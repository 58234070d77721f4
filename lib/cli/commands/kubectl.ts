import { distributionOf } from '../../distribution/distribution.ts'
import { controlPlane } from '../../topology/addresses.ts'
import type { Command } from '../command.ts'
import { openLab } from '../lab.ts'
import { login } from '../login.ts'

export default {
  configure: (program) =>
    program
      .argument('[words...]', "kubectl's own words; everything after `kubectl` is handed on")
      .addHelpText('after', '\nExamples:\n  kedge kubectl get nodes -o wide\n'),

  async run(terminal, words, options) {
    const lab = openLab(terminal, options)
    return login(terminal, lab, controlPlane(lab.topology), [...distributionOf(lab).kubectl, ...words])
  },
} satisfies Command
