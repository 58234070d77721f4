import { hypervisorNode, type Node, type Role, type Topology } from './topology.ts'

export const roles = ['control-plane', 'worker', 'edge'] as const satisfies readonly Role[]

/** What `on` may say besides the name of a node. */
export const groupSelectors = ['hypervisor', 'nodes', 'cloud', ...roles] as const

/** Whether one selector means a node of this name and role. A role's name always means everyone in the role. */
export function selects(selector: string, node: { readonly name: string; readonly role: Role }): boolean {
  switch (selector) {
    case 'hypervisor':
      return node.role === 'hypervisor'
    case 'nodes':
      return node.role !== 'hypervisor'
    case 'cloud':
      return node.role === 'control-plane' || node.role === 'worker'
    case 'control-plane':
    case 'worker':
    case 'edge':
      return node.role === selector
    default:
      return node.name === selector
  }
}

/**
 * The nodes that any of the selectors means, each once: the hypervisor first, then in the order of the file. A selector that
 * means nothing here adds nothing; `selectorNames` tells which ones would.
 */
export function selectNodes(topology: Topology, selectors: readonly string[]): Node[] {
  const wanted = new Set(selectors)
  const groups = groupSelectors.filter((group) => wanted.has(group))
  const isWanted = (node: Node): boolean => wanted.has(node.name) || groups.some((group) => selects(group, node))
  return [hypervisorNode, ...topology.nodes].filter(isWanted)
}

/** Every selector that can be used with this lab. */
export const selectorNames = (topology: Topology): string[] => [
  ...new Set([...groupSelectors, ...topology.nodes.map((node) => node.name)]),
]
