import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Bundle, openBundle } from '../bundle/bundle.ts'
import { TaskError } from '../event/failure.ts'
import type { Journal } from '../event/journal.ts'
import { killChildren } from '../host/child.ts'
import { createLooks } from '../host/looks.ts'
import { holdOutputFor } from '../host/outlet.ts'
import { createVault } from '../host/secret.ts'
import { toFailure } from '../host/to-failure.ts'
import { type Connections, createConnections } from '../machine/connections.ts'
import { endResting } from '../own-task/resting-processes.ts'
import { layOut } from '../pack/pack-files.ts'
import { inputsOf } from '../plan/inputs-of.ts'
import type { Instance } from '../plan/plan.ts'
import { contextMaker, type Surroundings } from '../run/task-context.ts'
import type { World } from '../run/world.ts'
import { upToDate } from '../task/files/up-to-date.ts'
import { sleep } from '../task/sleep.ts'
import type { Terminal } from './command.ts'
import { filesRecords } from './files-record.ts'
import { type Lab, makeStateFolder } from './lab.ts'
import { seededRandom } from './seeded-random.ts'
import { taskMakers } from './task-maker.ts'
import { kedgeVersion } from './version.ts'

/** A lab with its hosts within reach: the world that tasks are run in. Close it to let the connections go. */
export type Session = {
  readonly world: World
  readonly connections: Connections
  readonly surroundings: Surroundings
  close(): Promise<void>
}

/**
 * Loads the tasks that the plan names and makes the world that they run in; no host is touched yet. `journal` is that of a run;
 * without it nothing is kept of what is found.
 */
export async function openSession(
  terminal: Terminal,
  lab: Lab,
  seed = randomBytes(4).readUInt32BE(),
  journal?: Journal,
): Promise<Session> {
  makeStateFolder(lab)
  if (lab.carried) layOut(lab.carried, dirname(lab.topology.file))
  terminal.atOnce(killChildren)
  holdOutputFor(terminal.backlog)
  const { topology, stateFolder } = lab
  const connections = createConnections(topology, stateFolder, terminal.env.SSH_AUTH_SOCK)
  const vault = createVault()
  const surroundings: Surroundings = {
    topology,
    connection: connections.to,
    bundle: bundleOf(lab),
    attachBundle: async (ctx) => (await import('../machine/attach-bundle.ts')).attachBundle(ctx),
    secret: vault.secret,
    stateFolder,
    sleep,
  }
  const looks = createLooks()
  const makers = taskMakers(lab)
  const given = labInputs(lab)
  const records = filesRecords(stateFolder, journal)
  const filesOf = new Map(topology.tasks.map(({ name, files }) => [name, files]))
  const world: World = {
    version: kedgeVersion,
    seed,
    task(instance: Instance) {
      const make = makers.get(instance.task)
      if (!make) throw new Error(`no code for task ${instance.task}`)
      const files = filesOf.get(instance.task)
      return files ? upToDate(make(), files, records.of(instance, given(instance).task ?? '')) : make()
    },
    context: contextMaker({ ...surroundings, looks }),
    looks,
    inputs(instance) {
      const files = records.found(instance.id)
      return files === undefined ? given(instance) : { ...given(instance), files }
    },
    toFailure,
    now: () => performance.now(),
    sleep,
    random: seededRandom(seed),
  }
  const close = async () => {
    await endResting()
    await connections.close()
    records.close()
  }
  return { world, connections, surroundings, close }
}

/** What each instance is given now. A file that cannot be read counts as none: its task does not load either. */
export function labInputs({ topology, ownTasks }: Lab): ReturnType<typeof inputsOf> {
  const files = topology.tasks.flatMap(({ name, sh, script }) => {
    const file = sh === undefined ? (script ?? ownTasks.get(name)) : undefined
    return file !== undefined && existsSync(file) ? [[name, file] as const] : []
  })
  const sum = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
  return inputsOf(topology, kedgeVersion, new Map(files.map(([name, file]) => [name, sum(file)])))
}

/** The lab's bundle, opened when the first task asks for a piece. */
function bundleOf({ bundle: place }: Lab): () => Bundle {
  let bundle: Bundle | undefined
  return () => {
    if (place === undefined) {
      throw new TaskError({
        kind: 'bundle',
        message: 'the lab has no bundle',
        cure: 'name one in the file: `bundle: ./bundle`',
      })
    }
    bundle ??= openBundle(place)
    return bundle
  }
}
