import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { type Creation, createBundle, planCreation, workFolderOf } from '../../../bundle/create-bundle.ts'
import { manifestName } from '../../../bundle/manifest.ts'
import { shelfOf } from '../../../bundle/on-disk.ts'
import { createProgress } from '../../../bundle/progress.ts'
import { verifyBundle } from '../../../bundle/verify-bundle.ts'
import { lockLab } from '../../../event/lab-lock.ts'
import { killChildren } from '../../../host/child.ts'
import { endLeftovers, processMark } from '../../../host/guard.ts'
import { localConnection } from '../../../host/local.ts'
import { cleanLine } from '../../../report/clean-line.ts'
import { printableJson } from '../../../report/json.ts'
import { proxyVariables, type SourceOptions, sourcesOf } from '../../bundle-sources.ts'
import type { Command, GlobalOptions, Terminal } from '../../command.ts'
import { createdText, failuresText, plannedText } from '../../created-text.ts'
import { CliError, exitCodeOf, exitCodes } from '../../exit-codes.ts'
import { fetchDisplay } from '../../fetch-display.ts'
import { type Lab, openLab } from '../../lab.ts'
import { wantedToCreate } from '../../wanted-to-create.ts'

type CreateOptions = GlobalOptions &
  SourceOptions & {
    readonly output?: string
    readonly dir?: boolean
    readonly from?: readonly string[]
    readonly dryRun?: boolean
    readonly arch?: readonly string[]
    readonly jobs: string
    readonly json?: boolean
  }

export default {
  configure: (program) =>
    program
      .option('-o, --output <path>', 'the bundle (default: the one that the lab file names, or ./kedge.bundle)')
      .option('--dir', 'a folder instead of one file')
      .option('--from <path...>', 'take pieces that these folders or bundles hold, by name, instead of fetching them')
      .option('-n, --dry-run', 'list what would be fetched, from where, and how large it is')
      .option('--arch <arch...>', 'for these machines: amd64, arm64 (default: those of the nodes)')
      .option('--jobs <n>', 'transfers at once', '4')
      .option('--mirror <name=url...>', 'the address that takes a source’s place; the names: see below')
      .option(
        '--registry <registry=host...>',
        'the registry that takes another’s place; http://host for one without TLS',
      )
      .option('--ca <file>', 'authorities, in PEM, that may vouch for servers as well')
      .option('--sums <file>', 'lines of sha256sum or sha512sum that what is fetched has to have')
      .option('--stall <seconds>', 'a transfer of which nothing arrives for so long is begun again (default: 30)')
      .option('--json', 'the outcome as JSON')
      .addHelpText(
        'after',
        `
Sources: kubernetes, cri-tools, kubeedge, k3s, flannel, cloud-image; of the VM image’s own archives for packages: debian,
debian-security, ubuntu. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are obeyed.
All of this may stand in the lab file as well, under mirrors: sources, registries, proxy and ca; what is said here wins.
What was fetched before a stop, a kill or a failure is not fetched again: it waits in a folder beside the bundle.

Exit code: 0 the bundle is whole, 4 a source is unreachable, 7 a checksum is wrong or a piece is to be had nowhere.

Examples:
  kedge bundle create --dry-run
  kedge bundle create -o lab.bundle --from ./my-builds
  kedge bundle create --registry docker.io=mirror:5000/hub --mirror kubernetes=https://mirror/k8s
`,
      ),

  async run(terminal, _words, options: CreateOptions) {
    const lab = openLab(terminal, options)
    const output = outputOf(terminal, lab, options)
    const jobs = Number(options.jobs)
    if (!(Number.isInteger(jobs) && jobs >= 1 && jobs <= 64))
      throw new CliError(exitCodes.usage, `--jobs ${options.jobs}: a whole number from 1 to 64`)
    terminal.atOnce(killChildren)
    const connection = localConnection()
    const progress = createProgress()
    const display = fetchDisplay(terminal, progress, options)
    const host = connection.bind({
      signal: terminal.signal,
      cwd: terminal.cwd,
      env: proxyVariables(terminal, lab.topology),
      onOutput: (_stream, line) => options.verbose && display.say(cleanLine(line)),
    })
    const from = (options.from ?? []).map((path) => resolve(terminal.cwd, path))
    const passedOver = new Set<string>()
    const creation: Creation = {
      output,
      isFolder: options.dir === true,
      wanted: await wantedToCreate(lab, options.arch),
      shelf: shelfOf(from, (text) => {
        if (!passedOver.has(text)) display.say(`passed over: ${cleanLine(text)}`)
        passedOver.add(text)
      }),
      ...sourcesOf(terminal, options, lab.topology),
      jobs,
      host,
      signal: terminal.signal,
      progress,
      say: (text) => display.say(cleanLine(text)),
      onWriting: display.writing,
    }
    try {
      if (options.dryRun) {
        const pieces = await planCreation(creation)
        display.end()
        terminal.write(options.json ? `${printableJson({ pieces }, undefined, 2)}\n` : plannedText(pieces))
        return exitCodes.done
      }
      return await create(terminal, creation, { options, lab, onEnd: display.end })
    } catch (error) {
      if (!terminal.signal.aborted) throw error
      display.end()
      terminal.error('interrupted; what has arrived is kept: the same command goes on from there\n')
      return exitCodes.interrupted
    } finally {
      display.end()
      await connection.close()
    }
  },
} satisfies Command

type Ending = { readonly options: CreateOptions; readonly lab: Lab; onEnd(): void }

async function create(terminal: Terminal, creation: Creation, { options, lab, onEnd }: Ending): Promise<number> {
  const folder = workFolderOf(creation.output)
  mkdirSync(folder, { recursive: true })
  const lock = lockLab(folder, 'kedge bundle create', processMark)
  if (!lock.ok) {
    const who = lock.holder ? `process ${lock.holder.pid} since ${lock.holder.since}` : 'another kedge'
    throw new CliError(exitCodes.labHeld, `${creation.output} is being made by ${who}`)
  }
  const began = performance.now()
  try {
    // What a killed one has begun writes to the same files.
    await endLeftovers(lock.marksOfKilled)
    const gathered = await createBundle(creation)
    onEnd()
    const seconds = (performance.now() - began) / 1000
    const { failures, pieces } = gathered
    const shown = relative(terminal.cwd, creation.output) || '.'
    if (options.json)
      terminal.write(`${printableJson({ bundle: creation.output, seconds, pieces, failures }, undefined, 2)}\n`)
    if (failures.length > 0) {
      terminal.error(failuresText(failures, creation.wanted.length))
      return exitCodeOf(failures.map(({ failure }) => failure.kind))
    }
    const faults = await faultsOf(creation, lab, options)
    if (!options.json) terminal.write(createdText(shown, gathered, seconds))
    for (const { name, message } of faults) terminal.error(`kedge: ${cleanLine(`${name}: ${message}`)}\n`)
    if (faults.length > 0) return exitCodes.bundle
    if (!options.quiet) terminal.error(`verified: complete for lab ${lab.topology.lab}, and undamaged\n`)
    if (lab.topology.bundle !== creation.output && !options.quiet)
      terminal.error(`to use it, write into the lab file: bundle: ${/^[./]/.test(shown) ? shown : `./${shown}`}\n`)
    return exitCodes.done
  } finally {
    lock.release(true)
  }
}

/** What `kedge bundle verify` says of it; made for other machines than the lab's, only whether it is undamaged. */
async function faultsOf(creation: Creation, { topology }: Lab, { arch }: CreateOptions) {
  const { output, wanted, signal } = creation
  return (await verifyBundle(output, arch ? [] : wanted, topology, { signal })).faults
}

/** Nothing that is not a bundle is written over, or into. */
function outputOf(terminal: Terminal, { topology }: Lab, { output, dir = false }: CreateOptions): string {
  const path = resolve(terminal.cwd, output ?? topology.bundle ?? 'kedge.bundle')
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return path
  const usage = (message: string) =>
    new CliError(exitCodes.usage, `${output === undefined ? path : `-o ${output}`}: ${message}`)
  if (dir && !found.isDirectory()) throw usage('it is a file, and --dir asks for a folder')
  if (!dir && !found.isFile()) throw usage('it is a folder; with --dir a folder becomes the bundle')
  if (dir && !existsSync(join(path, manifestName)) && readdirSync(path).length > 0)
    throw usage(`it is a folder with other things in it, and no bundle`)
  return path
}
