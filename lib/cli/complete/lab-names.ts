import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../event/journal.ts'
import { readPack } from '../../pack/read-pack.ts'
import { hypervisorNode, type Node } from '../../topology/topology.ts'
import type { GlobalOptions, Terminal } from '../command.ts'
import { builtInTask, type Lab, openLab } from '../lab.ts'

/** Something that can stand in the line, and a few words about it. */
export type Candidate = { readonly value: string; readonly about: string }

/** The names of a lab; each is found when it is asked for. Throws where the lab file cannot be read. */
export type LabNames = {
  tasks(): readonly Candidate[]
  /** `task@node` of one task. */
  instances(task: string): readonly Candidate[]
  nodes(): readonly Candidate[]
  /** Newest first. */
  runs(): readonly Candidate[]
}

/** More than anybody looks through. */
const mostRuns = 100

/** Of the lab that these options mean. Nothing is said, no host is touched, and of a pack only its list of contents is read. */
export function labNames(terminal: Terminal, options: Pick<GlobalOptions, 'config' | 'state'>): LabNames {
  let opened: Lab | undefined
  const lab = () => {
    if (opened) return opened
    const pack = readPack(terminal.execPath)
    const silent = { ...terminal, write() {}, error() {}, ...(pack ? { pack } : {}) }
    opened = openLab(silent, { ...options, color: 'never', quiet: true })
    return opened
  }
  return {
    tasks() {
      const { topology, ownTasks } = lab()
      return topology.tasks.flatMap(({ name, removed, sh, script }) => {
        const own = script ?? ownTasks.get(name)
        return removed
          ? []
          : [{ value: name, about: sh ?? (own ? 'own task' : (builtInTask(name)?.description ?? '')) }]
      })
    },
    instances: (task) =>
      lab().plan.instances.flatMap((instance) =>
        instance.task === task ? [{ value: instance.id, about: instance.phase }] : [],
      ),
    nodes() {
      const { topology, plan } = lab()
      const isUsed = plan.instances.some(({ node }) => node === hypervisorNode.name)
      return [...(isUsed ? [hypervisorNode] : []), ...topology.nodes].map((node) => ({
        value: node.name,
        about: aboutNode(node),
      }))
    },
    runs() {
      const path = join(lab().stateFolder, 'journal.sqlite')
      if (!existsSync(path)) return []
      const journal = openJournal(path, { readOnly: true })
      try {
        return journal
          .runs()
          .slice(0, mostRuns)
          .map(({ run, startedAt, result = 'without an end' }) => ({
            value: run,
            about: `${startedAt.slice(0, 19).replace('T', ' ')} UTC, ${result}`,
          }))
      } finally {
        journal.close()
      }
    },
  }
}

function aboutNode({ role, machine, networks }: Node): string {
  if (machine.kind === 'hypervisor') return 'where the VMs run'
  const address = machine.kind === 'existing' ? machine.ssh.host : networks[0]?.address
  return address ? `${role}, ${address}` : role
}
