import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection, Host } from '../../lib/host/host.ts'
import { type Rule, type ScriptedConnection, type ScriptedFile, scriptedConnection } from '../../lib/host/scripted.ts'
import { createVault } from '../../lib/host/secret.ts'
import type { TaskContext } from '../../lib/task/task.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { temporaryFolder } from '../temporary-folders.ts'
import { nodeOf } from './lab-for-tests.ts'

export type Scripted = {
  readonly ctx: TaskContext
  readonly hypervisor: ScriptedConnection
  readonly guest: ScriptedConnection
  readonly said: readonly string[]
  /** Seconds that were slept in all. */
  slept(): number
}

const image = Buffer.from('not really an image')

export const imageAsset = {
  name: 'base',
  kind: 'vm-image' as const,
  version: '12',
  sizeBytes: image.length,
  sha256: new Bun.CryptoHasher('sha256').update(image).digest('hex'),
  roles: [],
}

/** The files of a scripted host, to be changed by a fake of what runs on it. */
export const filesOf = (connection: ScriptedConnection): Map<string, ScriptedFile> =>
  connection.files as Map<string, ScriptedFile>

/** Empty, and gone when the tests end. */
export const stateFolder = temporaryFolder

/** A host for functions that take one, with nobody listening. */
export const hostOf = (connection: Connection): Host =>
  connection.bind({ signal: new AbortController().signal, onOutput: () => {} })

/** What a task on the node gets to see, with both hosts scripted and an image of a few bytes in the bundle. */
export function scriptedContext(
  topology: Topology,
  name: string,
  script: { readonly hypervisor?: readonly Rule[] | ScriptedConnection; readonly guest?: readonly Rule[] } = {},
  state = stateFolder(),
): Scripted {
  const { hypervisor: given = [] } = script
  const hypervisor = 'bind' in given ? given : scriptedConnection({ name: 'hypervisor', rules: given })
  const guest = scriptedConnection({
    name,
    rules: script.guest ?? [],
    files: { '/etc/hosts': '127.0.0.1 localhost\n' },
  })
  const said: string[] = []
  const path = join(state, 'base.qcow2')
  writeFileSync(path, image)
  let slept = 0
  const host = hostOf(guest)
  const ctx: TaskContext = {
    node: nodeOf(topology, name),
    topology,
    $: host.$,
    host,
    hypervisor: hostOf(hypervisor),
    on: () => host,
    afterwards: () => host,
    attachBundle: async () => false,
    asset: () => ({ ...imageAsset, path }),
    assets: (kind) => (kind === 'file' ? [{ ...imageAsset, kind, name: 'keadm', path }] : []),
    secret: createVault().secret,
    say: (text) => void said.push(text),
    stateFolder: state,
    async sleep(seconds) {
      slept += seconds
      if (slept > 3600) throw new Error('slept for an hour')
    },
    signal: new AbortController().signal,
  }
  return { ctx, hypervisor, guest, said, slept: () => slept }
}
