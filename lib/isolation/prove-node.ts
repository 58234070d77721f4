import type { Connection, Host, Listening } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import { type Attempt, createAttempts } from './attempts.ts'
import type { Bounds } from './bounds.ts'
import type { NodeFacts } from './inspect.ts'
import { isolateNode, wayOut } from './isolate.ts'
import { hearQuestions, isLocalName } from './names.ts'
import { type Restored, restoreNode } from './restore.ts'
import { processAt, triedOn, watchNode } from './watch.ts'

export type NodeUnderProof = {
  readonly node: string
  /** Why names cannot be told, where they cannot: only that somebody asks is seen then. */
  readonly deaf?: string
  /** Stops watching. The node stays cut off. */
  finish(): Promise<NodeFindings>
  restore(): Promise<Restored | undefined>
}

export type NodeFindings = {
  readonly attempts: readonly Attempt[]
  /** Names that were asked for and that nobody outside is asked for. */
  readonly localNames: readonly string[]
  /** Why what was seen is not all, where it is not. */
  readonly hole?: string
}

/** Cuts a node off and begins to watch it. `running` says which tasks run there now. */
export async function proveNode(
  connection: Connection,
  bounds: Bounds,
  facts: NodeFacts,
  running: () => readonly string[],
): Promise<NodeUnderProof> {
  const node = connection.name
  const over = new AbortController()
  const bind = (signal: AbortSignal): Host => connection.bind({ signal, onOutput: () => {} })
  const host = bind(new AbortController().signal)
  const attempts = createAttempts(node, running)
  const localNames = new Set<string>()
  let heard = 0
  let deaf: string | undefined

  const listening = await connection
    .listen?.((stream, port) => {
      heard++
      const process = processAt(host, port).catch(() => undefined)
      const asked = new Set<string>()
      hearQuestions(stream, async ({ name }) => {
        const who = await process
        if (asked.has(name)) return
        asked.add(name)
        if (isLocalName(name, bounds.names)) localNames.add(name)
        else attempts.addName(name, who)
      })
    })
    .catch((error): Listening | undefined => {
      const { kind, message } = toFailure(error)
      if (kind !== 'refused') throw error
      deaf = message
      return undefined
    })
  try {
    await isolateNode(host, bounds, facts, listening?.port)
  } catch (error) {
    listening?.close()
    throw error
  }

  const watching = (async () => {
    while (!over.signal.aborted) {
      // A lost connection is no end: what is tried meanwhile is kept on the node.
      await watchNode(bind(over.signal), { onTried: attempts.setTried, onSocket: attempts.addSocket }).catch(() => {})
      if (!over.signal.aborted) await Bun.sleep(1000)
    }
  })()

  return {
    node,
    ...(deaf === undefined ? {} : { deaf }),
    async finish() {
      over.abort()
      await watching
      attempts.setTried(await triedOn(host))
      const unheard = await unheardOn(host, () => heard)
      if (unheard > 0) attempts.addName(undefined, undefined, unheard)
      const hole = await wayOut(host)
      return { attempts: attempts.list(), localNames: [...localNames], ...(hole === undefined ? {} : { hole }) }
    },
    async restore() {
      over.abort()
      await watching
      const restored = await restoreNode(host)
      listening?.close()
      return restored
    },
  }
}

/** How often names were asked for without being heard: a connection may have been lost, or be forbidden. */
async function unheardOn(host: Host, heard: () => number): Promise<number> {
  let missing = 0
  for (let look = 0; look < 10; look++) {
    const { stdout } = await host.$`nft -n list table ip kedge_prove_names`.nothrow().quiet()
    missing = Number(/counter packets (\d+)/.exec(stdout)?.[1] ?? 0) - heard()
    if (missing <= 0) return 0
    // One of them may just be on its way.
    await Bun.sleep(100)
  }
  return missing
}
