import type { Command } from '../command.ts'
import { mustKnow, openLab } from '../lab.ts'
import { login } from '../login.ts'

export default {
  configure: (program) =>
    program
      .argument('<node>', 'a node of the file')
      .argument('[command...]', 'after --: a command instead of a shell')
      .addHelpText('after', '\nExamples:\n  kedge ssh edge-1\n  kedge ssh master -- journalctl -u kubelet -n 50\n'),

  async run(terminal, [name = '', ...command], options) {
    const lab = openLab(terminal, options)
    const nodes = lab.topology.nodes
    mustKnow(
      'node',
      [name],
      nodes.map((node) => node.name),
    )
    return login(terminal, lab, nodes.find((node) => node.name === name) as (typeof nodes)[number], command)
  },
} satisfies Command
