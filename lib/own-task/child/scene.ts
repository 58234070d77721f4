import type { Rule } from '../../host/scripted.ts'
import { scriptedConnection } from '../../host/scripted.ts'
import { createVault } from '../../host/secret.ts'
import type { TaskContext } from '../../task/task.ts'
import { hypervisorNode, type Node } from '../../topology/topology.ts'

export type SceneParts = {
  readonly node?: Partial<Node>
  readonly topology?: object
  /** What each command answers; a command that no rule answers fails. */
  readonly rules?: readonly Rule[]
  /** Files of the node by absolute path. */
  readonly files?: Readonly<Record<string, string>>
}

/** What `import { scene } from 'kedge/test'` gives: a context whose one machine runs nothing and answers by rules. */
export function scene({ node = {}, topology = {}, rules = [], files = {} }: SceneParts = {}) {
  const machine = scriptedConnection({ name: node.name ?? 'edge-1', rules, files })
  const said: string[] = []
  const { signal } = new AbortController()
  const host = machine.bind({ signal, onOutput: () => {} })
  const whole = { ...hypervisorNode, role: 'edge', ...node, name: machine.name } as Node
  const noBundle = () => {
    throw new TypeError('a scene has no bundle')
  }
  const ctx: TaskContext = {
    node: whole,
    topology: { lab: 'scene', nodes: [whole], tasks: [], ...topology } as unknown as TaskContext['topology'],
    $: host.$,
    host,
    hypervisor: host,
    on: () => host,
    afterwards: () => host,
    asset: noBundle,
    assets: () => [],
    attachBundle: async () => false,
    secret: createVault().secret,
    say: (text) => void said.push(text),
    stateFolder: '',
    sleep: async () => {},
    signal,
  }
  return {
    ctx,
    /** As they were started, in order. */
    commands: machine.commands,
    said,
    /** The file's text now, or undefined. */
    file: (path: string) => machine.files.get(path)?.content.toString('utf8'),
  }
}
