import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../event/replace-file.ts'
import { toFailure } from '../host/to-failure.ts'
import { restoreNode } from '../isolation/restore.ts'
import type { Terminal } from './command.ts'
import type { Lab } from './lab.ts'
import type { Session } from './session.ts'

const fileOf = ({ stateFolder }: Lab) => join(stateFolder, 'cut-off.json')

/** Nodes that were cut off for a proof and not put back since; in the state folder, so that it outlives kedge. */
export function isolatedNodes(lab: Lab): readonly string[] {
  const file = fileOf(lab)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[]) : []
}

/** Before a node is cut off, and after it was put back. */
export function noteIsolated(lab: Lab, nodes: readonly string[]): void {
  const file = fileOf(lab)
  if (nodes.length === 0) {
    rmSync(file, { force: true })
    return
  }
  replaceFile(file, JSON.stringify(nodes))
}

/** Puts back what a proof that was killed left cut off; what cannot be put back is said, and stays noted. */
export async function restoreLeftovers(terminal: Terminal, lab: Lab, session: Session): Promise<void> {
  const left = isolatedNodes(lab)
  if (left.length === 0) return
  const remaining: string[] = []
  await Promise.all(
    left.map(async (name) => {
      const node = lab.topology.nodes.find((each) => each.name === name)
      if (!node) return
      const host = session.connections.to(node).bind({ signal: terminal.signal, onOutput: () => {} })
      try {
        const restored = await restoreNode(host)
        if (restored) terminal.error(`${name} was still cut off from a proof that was killed: it has its routes back\n`)
        for (const route of restored?.lost ?? []) terminal.error(`${name}: this route did not come back: ${route}\n`)
      } catch (error) {
        remaining.push(name)
        const { message } = toFailure(error)
        terminal.error(`${name} is still cut off from a proof that was killed, and cannot be put back: ${message}\n`)
      }
    }),
  )
  noteIsolated(lab, remaining)
}
