import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { TaskError } from '../../event/failure.ts'
import type { Host } from '../../host/host.ts'
import { createVault } from '../../host/secret.ts'
import { createShell } from '../../host/shell.ts'
import { sleep } from '../../task/sleep.ts'
import type { Asset, TaskContext } from '../../task/task.ts'
import { hypervisorNode, type Node } from '../../topology/topology.ts'
import { type Call, type LabData, labDescriptor, type Machine } from '../protocol.ts'
import type { Link } from './link.ts'
import { numbered, relayedSpawn } from './relayed-spawn.ts'

/** The context of an own task: kedge's own, as it is seen through the link. */
export function createContext(link: Link, node: Node, stateFolder: string, signal: AbortSignal): TaskContext {
  const vault = createVault()
  const sent = new Set<number>()
  const hosts = new Map<string, Host>()
  let lab: LabData | undefined
  const labData = () => {
    lab ??= JSON.parse(readFileSync(`/proc/self/fd/${labDescriptor}`, 'utf8')) as LabData
    return lab
  }
  const pieces = (): readonly Asset[] => {
    const found = labData().pieces
    if ('kind' in found) throw new TaskError(found)
    return found
  }
  const hostOf = ({ name }: Node, afterwards: boolean): Host => {
    const key = `${afterwards} ${name}`
    const host = hosts.get(key) ?? relayedHost(link, { node: name, afterwards }, signal)
    hosts.set(key, host)
    return host
  }
  return {
    node,
    get topology() {
      return labData().topology
    },
    get $() {
      return hostOf(node, false).$
    },
    get host() {
      return hostOf(node, false)
    },
    get hypervisor() {
      return hostOf(hypervisorNode, false)
    },
    on: (target) => hostOf(target, false),
    afterwards: (target) => hostOf(target, true),
    asset(name) {
      const piece = pieces().find((each) => each.name === name)
      if (piece) return piece
      throw new TaskError({
        kind: 'bundle',
        message: `the bundle has no ${name} for ${node.architecture}`,
        cure: 'kedge bundle verify names all that it lacks',
      })
    },
    assets: (kind) => pieces().filter((piece) => piece.kind === kind),
    attachBundle: async () =>
      (await call(link, { node: node.name, afterwards: false }, { what: 'attach-bundle' })) === true,
    secret(value) {
      const secret = vault.secret(value)
      if (!sent.has(secret.id)) link.send({ type: 'secret', secret: secret.id, value })
      sent.add(secret.id)
      return secret
    },
    say: (text) => link.send({ type: 'note', line: String(text) }),
    stateFolder,
    sleep: (seconds) => sleep(seconds, signal),
    signal,
  }
}

function relayedHost(link: Link, machine: Machine, signal: AbortSignal): Host {
  const binding = {
    // For what comes afterwards kedge itself has the clock.
    signal: machine.afterwards ? new AbortController().signal : signal,
    onOutput: (stream: 'command' | 'stdout' | 'stderr', line: string) =>
      link.send({ type: 'output', machine, stream, line }),
  }
  return {
    name: machine.node,
    $: createShell(machine.node, relayedSpawn(link, machine), binding),
    read: async (path) => (await call(link, machine, { what: 'read', path })) as string | undefined,
    async write(path, content, { mode } = {}) {
      const given = mode === undefined ? {} : { mode }
      await call(link, machine, { what: 'write', path, content: numbered(content), ...given })
    },
    async put(localPath, path, { onProgress, ...options } = {}) {
      await call(link, machine, { what: 'put', localPath: resolve(localPath), path, options }, onProgress)
    },
  }
}

let calls = 0

function call(
  link: Link,
  machine: Machine,
  asked: Call,
  onProgress?: (sentBytes: number, totalBytes: number) => void,
): Promise<unknown> {
  const number = ++calls
  const release = link.hold()
  return new Promise((answer, reject) => {
    const stopListening = link.listen((message) => {
      if (!('call' in message) || message.call !== number) return
      if (message.type === 'progress') return onProgress?.(message.sentBytes, message.totalBytes)
      stopListening()
      release()
      if (message.failure) reject(new TaskError(message.failure))
      else answer(message.value)
    })
    link.send({ type: 'call', call: number, machine, ...asked })
  })
}
