import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bundle, openBundle } from '../../lib/bundle/bundle.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import type { GlobalOptions, Terminal } from '../../lib/cli/command.ts'
import { exitCodeOf, exitCodes } from '../../lib/cli/exit-codes.ts'
import { openLab } from '../../lib/cli/lab.ts'
import { runProgram } from '../../lib/cli/program.ts'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { logFile } from '../../lib/event/log-files.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { machineFiles } from '../../lib/machine/storage.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { labPieces } from '../tasks/lab-bundle.ts'
import { configInput } from './config-inputs.ts'
import { changeBytes, mutateBytes } from './damage.ts'
import { manifestInput } from './manifest-inputs.ts'

/** What became of one input: the exit code that kedge ends with, and what is wrong with how it took it. */
export type Verdict = { readonly exitCode: number; readonly complaints: readonly string[] }

/** Judges the input of a seed; made once for a folder, which it may fill. */
export type Judge = (seed: number) => Promise<Verdict>

export const judges = { config: judgeConfigs, manifest: judgeManifests, 'bundle-file': judgeBundleFiles } as const

const unprintable = /(?!\n)[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029\ufeff]/u
const stackTrace = /^\s+at .+:\d+/m
const positioned = /kedge\.config\.yaml:[1-9]\d*:[1-9]\d*: \S/

/** Lab files, taken the way of `kedge plan --offline`. */
async function judgeConfigs(folder: string): Promise<Judge> {
  const lab = join(folder, 'lab')
  mkdirSync(lab)
  return async (seed) => {
    writeFileSync(join(lab, 'kedge.config.yaml'), configInput(seed))
    const printed = { out: '', error: '' }
    const terminal = terminalIn(lab, printed)
    const exitCode = await runProgram(['plan', '--offline'], terminal)
    const complaints = complaintsAbout(printed.out + printed.error)
    if (exitCode === exitCodes.done) complaints.push(...strayPaths(lab, terminal))
    else if (exitCode !== exitCodes.configuration) complaints.push(`exit ${exitCode}: ${printed.error.slice(0, 300)}`)
    else if (!positioned.test(printed.error)) complaints.push(`no place: ${printed.error.slice(0, 300)}`)
    if (readdirSync(folder).length !== 1 || readdirSync(lab).length !== 1) complaints.push('a file was made')
    return { exitCode, complaints }
  }
}

const terminalIn = (cwd: string, printed: { out: string; error: string }): Terminal =>
  ({
    write: (text: string) => {
      printed.out += text
    },
    error: (text: string) => {
      printed.error += text
    },
    backlog: () => undefined,
    cwd,
    env: {},
    isTty: false,
    signal: new AbortController().signal,
    atOnce: () => {},
    execPath: process.execPath,
  }) as unknown as Terminal

function complaintsAbout(printed: string): string[] {
  const odd = unprintable.exec(printed)
  return [
    ...(odd ? [`prints U+${odd[0].codePointAt(0)?.toString(16)}`] : []),
    ...(stackTrace.test(printed) ? ['prints a stack trace'] : []),
    ...(printed.length > 4_000_000 ? [`prints ${printed.length} characters`] : []),
  ]
}

/** Where an accepted lab would keep what: all of it must lie where it belongs. */
function strayPaths(lab: string, terminal: Terminal): readonly string[] {
  const { topology, plan, stateFolder } = openLab(terminal, {} as GlobalOptions)
  const runs = join(stateFolder, 'runs', 'r')
  const { storage } = topology.hypervisor
  const paths: readonly (readonly [path: string, folder: string])[] = [
    [stateFolder, join(lab, '.kedge')],
    ...plan.instances.map(({ id }) => [logFile(stateFolder, 'r', id), runs] as const),
    ...topology.nodes.map(({ name }) => [machineFiles(topology, name).disk, join(storage, topology.lab)] as const),
  ]
  return paths.flatMap(([path, folder]) =>
    join(path).startsWith(`${join(folder)}/`) &&
    !join(path)
      .slice(join(folder).length + 1)
      .includes('/')
      ? []
      : [`${path} leads out of ${folder}`],
  )
}

/** Manifests of a bundle that is a folder. */
async function judgeManifests(folder: string): Promise<Judge> {
  const bundle = bundleToDamage(folder)
  return async (seed) => {
    writeFileSync(join(bundle, 'manifest.json'), manifestInput(seed, bundle))
    return opened(bundle, (path) => path.startsWith(`${bundle}/`))
  }
}

/** A whole bundle of the tests, whose manifest is kept as `whole.json`. */
export function bundleToDamage(folder: string): string {
  const bundle = join(folder, 'bundle')
  const made = makeBundle(labPieces)
  rmSync(bundle, { recursive: true, force: true })
  Bun.spawnSync(['cp', '-r', made, bundle])
  rmSync(made, { recursive: true })
  writeFileSync(join(bundle, 'whole.json'), readFileSync(join(bundle, 'manifest.json')))
  return bundle
}

/** Bundles that are one file, their bytes damaged. */
async function judgeBundleFiles(folder: string): Promise<Judge> {
  const file = join(folder, 'bundle.kedge')
  const { pieces } = openBundle(bundleToDamage(folder))
  await writeBundleFile(pieces, manifestOfFile(pieces), file)
  const whole = readFileSync(file)
  return async (seed) => {
    const random = seededRandom(seed)
    writeFileSync(file, random() < 0.8 ? changeBytes(whole, random) : mutateBytes(whole, random))
    return opened(file, (path) => path === file)
  }
}

/** As `kedge run` opens it; a failure there is what the command ends with. */
function opened(place: string, isInside: (path: string) => boolean): Verdict {
  try {
    return { exitCode: exitCodes.done, complaints: strayPieces(openBundle(place), isInside) }
  } catch (error) {
    const { kind, message, cure = '' } = toFailure(error)
    const exitCode = exitCodeOf([kind])
    return {
      exitCode,
      complaints: [
        ...(exitCode === exitCodes.bundle ? [] : [`exit ${exitCode}: ${message.slice(0, 300)}`]),
        ...(message.includes(place) ? [] : [`does not say where: ${message.slice(0, 300)}`]),
        ...(message.length > 1000 ? [`a message of ${message.length} characters`] : []),
        ...complaintsAbout(`${message}\n${cure}`),
      ],
    }
  }
}

function strayPieces({ pieces }: Bundle, isInside: (path: string) => boolean): readonly string[] {
  return pieces.flatMap(({ name, path, sizeBytes, offset = 0 }) => [
    ...(unprintable.test(name) ? ['a piece has a name that cannot be printed'] : []),
    ...(isInside(path) ? [] : [`${path} leads out of the bundle`]),
    ...(existsSync(path) && readFileSync(path).length >= offset + sizeBytes ? [] : [`${path} is shorter than it says`]),
  ])
}
