import { detachBundle } from '../../../machine/detach-bundle.ts'
import { hypervisorNode } from '../../../topology/topology.ts'
import type { Command } from '../../command.ts'
import { exitCodes } from '../../exit-codes.ts'
import { openLab } from '../../lab.ts'
import { usesLibvirt } from '../../removed-nodes.ts'
import { openSession } from '../../session.ts'
import { takeLab } from '../../take-lab.ts'

export default {
  configure: (program) =>
    program.addHelpText(
      'after',
      `
Every VM of the lab lets go of the bundle's disk, and the hypervisor forgets it: the bundle can be moved or removed. A later
run attaches it again to a VM that lacks a piece.

Example:
  kedge bundle detach
`,
    ),

  async run(terminal, _words, options) {
    const lab = openLab(terminal, options)
    const { topology } = lab
    if (!usesLibvirt(topology, lab.stateFolder)) {
      terminal.error(`Nothing is attached: lab ${topology.lab} has no VM\n`)
      return exitCodes.done
    }
    const lock = await takeLab(lab, 'kedge bundle detach')
    const session = await openSession(terminal, lab)
    try {
      const bind = (node: Parameters<typeof session.connections.to>[0]) =>
        session.connections.to(node).bind({
          signal: terminal.signal,
          onOutput: (stream, line) => {
            if (options.verbose) terminal.error(`${node.name}${stream === 'command' ? '$' : ':'} ${line}\n`)
          },
        })
      const hostOf = (name: string) => {
        const node = topology.nodes.find((each) => each.name === name)
        return node && bind(node)
      }
      await detachBundle(bind(hypervisorNode), topology, hostOf, ({ node, had }) => {
        if (!options.quiet) terminal.error(`${node}: ${had ? 'detached' : 'had no disk of the bundle'}\n`)
      })
      return exitCodes.done
    } finally {
      await session.close()
      lock.release()
    }
  },
} satisfies Command
