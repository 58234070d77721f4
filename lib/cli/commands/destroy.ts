import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { lockLab } from '../../event/lab-lock.ts'
import { destroyLab, leftovers, listMachines } from '../../machine/libvirt-inventory.ts'
import { removeMachine } from '../../machine/remove-machine.ts'
import { hypervisorNode } from '../../topology/topology.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { labHeld, makeStateFolder, mustKnow, openLab } from '../lab.ts'
import { leaveCluster } from '../leave-cluster.ts'
import { openSession } from '../session.ts'

type DestroyOptions = GlobalOptions & { readonly node?: string; readonly yes?: boolean; readonly purge?: boolean }

export default {
  configure: (program) =>
    program
      .option('--node <name>', 'this node alone, also out of the Kubernetes cluster')
      .option('--yes', 'do not ask')
      .option('--purge', 'forget the journal, the logs and the keys as well')
      .addHelpText('after', '\nExamples:\n  kedge destroy\n  kedge destroy --node edge-2 --yes\n'),

  async run(terminal, _words, options: DestroyOptions) {
    const lab = openLab(terminal, options)
    const { topology, stateFolder } = lab
    makeStateFolder(lab)
    const lock = lockLab(stateFolder, 'kedge destroy')
    if (!lock.ok) throw labHeld(lab, lock.holder)
    const session = await openSession(terminal, lab)
    try {
      const hypervisor = session.connections.to(hypervisorNode).bind({
        signal: terminal.signal,
        onOutput: (stream, line) => {
          if (options.verbose) terminal.error(`${stream === 'command' ? '$ ' : '  '}${line}\n`)
        },
      })
      const machines = await listMachines(hypervisor, topology)
      if (options.node !== undefined) {
        const names = [...new Set([...topology.nodes.map(({ name }) => name), ...machines.map(({ node }) => node)])]
        mustKnow('node', [options.node], names)
        await confirm(terminal, options, `This removes ${options.node} of lab ${topology.lab} and its disk.`)
        await leaveCluster(session.surroundings, options.node, terminal)
        await removeMachine(hypervisor, topology, options.node, stateFolder)
        terminal.error(`${options.node} is gone\n`)
        return exitCodes.done
      }
      const found = machines.map(({ domain, state }) => `  VM ${domain} (${state})\n`).join('')
      await confirm(terminal, options, `This removes lab ${topology.lab}, with its networks and disks:\n${found}`)
      const left = await destroyLab(hypervisor, topology, stateFolder)
      const proof = [...new Set([...left, ...(await leftovers(hypervisor, topology))])]
      if (proof.length > 0) throw new CliError(exitCodes.taskFailed, `still there: ${proof.join(', ')}`)
      terminal.error(`lab ${topology.lab} is gone: no VM, network, disk or bridge of it is left\n`)
      if (!options.purge) terminal.error(`its journal and logs are kept in ${stateFolder}\n`)
    } finally {
      await session.close()
      lock.release()
    }
    if (options.purge) rmSync(join(stateFolder), { recursive: true, force: true })
    return exitCodes.done
  },
} satisfies Command

async function confirm(terminal: Terminal, options: DestroyOptions, what: string): Promise<void> {
  if (options.yes) return
  terminal.error(`${what.trimEnd()}\n`)
  if (!terminal.input.isTTY) throw new CliError(exitCodes.usage, 'nobody is there to be asked: say --yes')
  const asking = createInterface({ input: terminal.input, output: terminal.errorStream })
  const answer = await asking.question('Go on? (yes/no) ', { signal: terminal.signal }).finally(() => asking.close())
  if (answer.trim().toLowerCase() !== 'yes') throw new CliError(exitCodes.usage, 'nothing was removed')
}
