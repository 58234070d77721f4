/** A drawing's input: what is to be drawn and what each waits for. All texts are as they are in the file. */
export type Graph = {
  readonly name: string
  /** Each after all that it waits for. */
  readonly nodes: readonly GraphNode[]
}

export type GraphNode = {
  readonly id: string
  /** Where it runs: names of nodes. */
  readonly on: readonly string[]
  /** Ids of nodes that stand before it. */
  readonly waitsFor: readonly string[]
}

/** The instances of each task as one: it waits for every task that any of them waits for. */
export function taskGraph(
  name: string,
  instances: readonly { readonly task: string; readonly node: string; readonly waitsFor: readonly string[] }[],
): Graph {
  const drafts = new Map<string, { readonly on: string[]; readonly waitsFor: Set<string> }>()
  for (const { task, node, waitsFor } of instances) {
    const draft = drafts.get(task) ?? { on: [], waitsFor: new Set<string>() }
    drafts.set(task, draft)
    draft.on.push(node)
    for (const id of waitsFor) draft.waitsFor.add(id.slice(0, id.lastIndexOf('@')))
  }
  return {
    name,
    nodes: [...drafts].map(([id, { on, waitsFor }]) => ({ id, on, waitsFor: [...waitsFor] })),
  }
}

/** Without the edges that others imply: a drawing of those says the same and can be followed. */
export function withoutImplied({ name, nodes }: Graph): Graph {
  const ancestors = new Map<string, ReadonlySet<string>>()
  for (const { id, waitsFor } of nodes) {
    ancestors.set(id, new Set(waitsFor.flatMap((need) => [need, ...(ancestors.get(need) ?? [])])))
  }
  const isImplied = (need: string, others: readonly string[]) =>
    others.some((other) => other !== need && ancestors.get(other)?.has(need))
  return {
    name,
    nodes: nodes.map((node) => ({
      ...node,
      waitsFor: node.waitsFor.filter((need) => !isImplied(need, node.waitsFor)),
    })),
  }
}

/** Node → how many must be done before it one after the other, from 1: those of one layer can run side by side. */
export function layersOf({ nodes }: Graph): ReadonlyMap<string, number> {
  const layers = new Map<string, number>()
  for (const { id, waitsFor } of nodes)
    layers.set(id, 1 + waitsFor.reduce((most, need) => Math.max(most, layers.get(need) ?? 0), 0))
  return layers
}
