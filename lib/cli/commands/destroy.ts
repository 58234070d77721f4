import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../event/journal.ts'
import type { Host } from '../../host/host.ts'
import { destroyLab, refuseUsed } from '../../machine/destroy-lab.ts'
import { type Inventory, takeInventory } from '../../machine/libvirt-inventory.ts'
import { libvirtName } from '../../machine/names.ts'
import { type Proof, proveGone, proveNodeGone } from '../../machine/prove-gone.ts'
import { refuseForeign, removeMachine } from '../../machine/remove-machine.ts'
import { hypervisorNode } from '../../topology/topology.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { confirm } from '../confirm.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { type Lab, mustKnow, openLab } from '../lab.ts'
import { leaveCluster } from '../leave-cluster.ts'
import { removalText } from '../removal-text.ts'
import { usesLibvirt } from '../removed-nodes.ts'
import { openSession, type Session } from '../session.ts'
import { takeLab } from '../take-lab.ts'

type DestroyOptions = GlobalOptions & { readonly node?: string; readonly yes?: boolean; readonly purge?: boolean }

/** What a removal works with. */
type Removal = {
  readonly terminal: Terminal
  readonly options: DestroyOptions
  readonly lab: Lab
  readonly session: Session
  readonly hypervisor: Host
  readonly inventory: Inventory
}

export default {
  configure: (program) =>
    program
      .option('--node <node>', 'this node alone, also out of the Kubernetes cluster')
      .option('--yes', 'do not ask')
      .option('--purge', 'forget the journal, the logs and the keys as well')
      .addHelpText('after', '\nExamples:\n  kedge destroy\n  kedge destroy --node edge-2 --yes\n'),

  async run(terminal, _words, options: DestroyOptions) {
    if (options.purge && options.node !== undefined) {
      throw new CliError(exitCodes.usage, '--purge forgets a whole lab, and --node leaves the rest of it standing')
    }
    const lab = openLab(terminal, options)
    const { topology, stateFolder } = lab
    const lock = await takeLab(lab, 'kedge destroy')
    const session = await openSession(terminal, lab)
    try {
      const hypervisor = session.connections.to(hypervisorNode).bind({
        signal: terminal.signal,
        onOutput: (stream, line) => {
          if (options.verbose) terminal.error(`${stream === 'command' ? '$ ' : '  '}${line}\n`)
        },
      })
      const machine = topology.nodes.find(({ name }) => name === options.node)?.machine
      if (machine?.kind === 'existing') {
        await releaseNode({ terminal, options, lab, session }, options.node ?? '')
      } else if (options.node !== undefined && !usesLibvirt(topology, stateFolder)) {
        await forgetNode({ terminal, options, lab, session }, options.node)
      } else if (!usesLibvirt(topology, stateFolder)) {
        terminal.error(`Nothing of lab ${topology.lab} is there: it has never had a VM.\n`)
        terminal.error(`To take a machine of yours out of its cluster: kedge destroy --node NAME\n`)
      } else {
        const inventory = await takeInventory(hypervisor, topology, nodesOfJournal(stateFolder))
        const removal = { terminal, options, lab, session, hypervisor, inventory }
        if (options.node === undefined) await removeLab(removal)
        else await removeNode(removal, options.node)
      }
      if (options.purge) lock.purge()
      return exitCodes.done
    } catch (error) {
      if (error instanceof CliError || !terminal.signal.aborted) throw error
      throw new CliError(exitCodes.interrupted, `interrupted; to go on: ${wordsOf(options)}`)
    } finally {
      await session.close()
      lock.release()
    }
  },
} satisfies Command

async function removeLab({ terminal, options, lab, hypervisor, inventory }: Removal): Promise<void> {
  const { topology, stateFolder } = lab
  refuseUsed(inventory)
  terminal.error(removalText(topology, inventory, stateFolder, options.purge === true))
  if (!options.yes) await confirm(terminal, 'Go on?', wordsOf(options))
  const machines = topology.nodes.filter(({ machine }) => machine.kind === 'existing').map(({ name }) => name)
  noteRemoval(stateFolder, [hypervisorNode.name, ...inventory.nodes.difference(new Set(machines))])
  const kept = await destroyLab(hypervisor, topology, stateFolder, inventory)
  conclude(terminal, await proveGone(hypervisor, topology, inventory))
  for (const { path, why } of kept) terminal.error(`  ${path} stays: ${why}\n`)
  terminal.error(`lab ${topology.lab} is gone: no VM, network, disk or bridge of it is left\n`)
  if (!options.purge) terminal.error(`its journal and logs are kept in ${stateFolder}\n`)
}

async function removeNode(removal: Removal, name: string): Promise<void> {
  const { terminal, options, lab, session, hypervisor, inventory } = removal
  const { topology, stateFolder } = lab
  const node = topology.nodes.find((candidate) => candidate.name === name)
  mustKnow('node', [name], [...new Set([...topology.nodes.map((each) => each.name), ...inventory.nodes])])
  if (inventory.foreign.includes(`VM ${libvirtName(topology.lab, name)}`)) {
    throw refuseForeign(libvirtName(topology.lab, name))
  }
  refuseUsed(inventory, name)
  const machine = inventory.machines.find((each) => each.node === name)
  const what = machine ? `VM ${machine.domain} (${machine.state}) and its disk` : 'its VM is gone already'
  const cluster = node?.role === 'control-plane' ? 'the cluster goes with it' : 'it leaves the Kubernetes cluster'
  terminal.error(`This removes ${name} of lab ${topology.lab}: ${cluster}; ${what}\n`)
  if (!options.yes) await confirm(terminal, 'Go on?', wordsOf(options))
  await leaveCluster(session.surroundings, name, terminal)
  noteRemoval(stateFolder, [name])
  await removeMachine(hypervisor, topology, name, stateFolder)
  conclude(terminal, await proveNodeGone(hypervisor, topology, inventory, name))
  terminal.error(`${name} is gone\n`)
}

/** A machine of the user's own leaves the cluster, and stays as it is otherwise. libvirt has no part in that. */
async function releaseNode(
  { terminal, options, lab, session }: Omit<Removal, 'hypervisor' | 'inventory'>,
  name: string,
) {
  const { topology } = lab
  if (topology.nodes.find((node) => node.name === name)?.role === 'control-plane') {
    terminal.error(`${name} was not touched: its machine is yours, and the lab's cluster is on it\n`)
    return
  }
  terminal.error(
    `This takes ${name} out of the Kubernetes cluster of lab ${topology.lab}; its machine is yours: what it runs for the cluster ends, and what is installed stays\n`,
  )
  if (!options.yes) await confirm(terminal, 'Go on?', wordsOf(options))
  await leaveCluster(session.surroundings, name, terminal)
  noteRemoval(lab.stateFolder, [name])
}

/** One that the file no longer names, in a lab without VMs: nobody knows how to reach its machine any more. */
async function forgetNode(
  { terminal, options, lab, session }: Omit<Removal, 'hypervisor' | 'inventory'>,
  name: string,
): Promise<void> {
  const { topology, stateFolder } = lab
  mustKnow('node', [name], [...topology.nodes.map((node) => node.name), ...nodesOfJournal(stateFolder)])
  const what = `This takes ${name}, which the file no longer names, out of the Kubernetes cluster of lab ${topology.lab}`
  terminal.error(`${what}; its machine is yours and is not touched\n`)
  if (!options.yes) await confirm(terminal, 'Go on?', wordsOf(options))
  await leaveCluster(session.surroundings, name, terminal)
  noteRemoval(stateFolder, [name])
  terminal.error(`${name} is forgotten\n`)
}

/** Shows what was looked at; what is left fails the command. */
function conclude(terminal: Terminal, { looked, left }: Proof): void {
  for (const line of looked) terminal.error(`  ${line}\n`)
  if (left.length > 0) throw new CliError(exitCodes.taskFailed, `still there: ${left.join(', ')}`)
}

/** Before the removal, so that one that is killed half-way is known of as well. */
function noteRemoval(stateFolder: string, nodes: readonly string[]): void {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path)) return
  const journal = openJournal(path)
  journal.noteRemoval(nodes, new Date().toISOString())
  journal.close()
}

/** Nodes that any run had to do with, whether the file still names them or not. */
function nodesOfJournal(stateFolder: string): readonly string[] {
  const path = join(stateFolder, 'journal.sqlite')
  if (!existsSync(path)) return []
  const journal = openJournal(path, { readOnly: true })
  try {
    const nodes = journal.instances().map((id) => id.slice(id.lastIndexOf('@') + 1))
    return [...new Set(nodes)].filter((name) => name !== hypervisorNode.name)
  } finally {
    journal.close()
  }
}

/** The same command in words that need no asking. */
function wordsOf({ config, state, node, purge }: DestroyOptions): string {
  const words = [
    ...(config === undefined ? [] : ['-c', config]),
    ...(state === undefined ? [] : ['--state', state]),
    ...(node === undefined ? [] : ['--node', node]),
    ...(purge ? ['--purge'] : []),
  ]
  return [
    'kedge destroy',
    ...words.map((word) => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)),
    '--yes',
  ].join(' ')
}
