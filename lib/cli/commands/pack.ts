import { existsSync, realpathSync, statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { piecesAt } from '../../bundle/bundle.ts'
import { lacking } from '../../bundle/lacking.ts'
import type { Wanted } from '../../bundle/wanted.ts'
import { TaskError } from '../../event/failure.ts'
import { readSmallFile } from '../../host/read-small-file.ts'
import { collectFiles } from '../../pack/pack-files.ts'
import { signClaims } from '../../pack/signature.ts'
import { writePack } from '../../pack/write-pack.ts'
import { formatBytes } from '../../report/size.ts'
import type { FileRange } from '../../task/task.ts'
import { bundlePlace, pathOf } from '../bundle-place.ts'
import { bytesDisplay } from '../bytes-display.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { type Lab, openLab } from '../lab.ts'
import { kedgeVersion } from '../version.ts'
import { wantedByLab } from '../wanted-by-lab.ts'

type PackOptions = GlobalOptions & {
  readonly output: string
  readonly bundle?: string
  readonly executable?: string
  readonly include?: readonly string[]
  readonly sign?: string
  readonly force?: boolean
}

export default {
  configure: (program) =>
    program
      .requiredOption('-o, --output <file>', 'the pack')
      .option('--bundle <path>', "the bundle's folder or file (default: the lab's)")
      .option('--executable <file>', 'the kedge that carries the lab, for another architecture (default: this one)')
      .option('--include <path...>', 'more files or folders beside the lab file, for its own tasks')
      .option('--sign <key>', 'a private ed25519 key, in OpenSSH’s format or PEM, that vouches for the pack')
      .option('--force', 'write over a file that is no pack')
      .addHelpText(
        'after',
        `
A pack is this program, the lab file, the folder tasks beside it and the bundle in one file. Copied alone to a host it is
a kedge like any other; where no lab file is, it works on the lab that it carries. Private keys that the lab file names
are not carried.

Examples:
  kedge pack -o kedge-lab
  kedge pack -o kedge-lab --sign ~/.ssh/id_ed25519 && ./kedge-lab run all --trust ~/.ssh/id_ed25519.pub
`,
      ),

  async run(terminal, _words, options: PackOptions) {
    const lab = openLab(terminal, options)
    const output = outputOf(terminal, options)
    const { topology } = lab
    const place = options.bundle || lab.bundle ? await bundlePlace(terminal, lab, options.bundle) : undefined
    const pieces = place === undefined ? undefined : mustBeComplete(piecesAt(place), place, lab, await wantedByLab(lab))
    const sign = signerOf(terminal, options.sign)
    const display = bytesDisplay(terminal, options, 'writing the pack')
    try {
      const claims = await writePack(
        {
          executable: executableOf(terminal, options),
          kedge: kedgeVersion,
          lab: topology.lab,
          files: lab.carried ?? collectFiles(topology.file, labText(topology.file), options.include ?? []),
          ...(pieces ? { pieces } : {}),
          ...(sign ? { sign } : {}),
        },
        output,
        { signal: terminal.signal, onProgress: display.show },
      )
      display.end()
      const held = pieces ? `${pieces.length} piece${pieces.length === 1 ? '' : 's'}` : 'no bundle'
      const shown = relative(terminal.cwd, output)
      const size = formatBytes(statSync(output).size)
      terminal.write(`${shown}: lab ${claims.lab} for ${claims.architecture}, ${held}, ${size}\n`)
      return exitCodes.done
    } catch (error) {
      if (!terminal.signal.aborted) throw error
      return exitCodes.interrupted
    } finally {
      display.end()
    }
  },
} satisfies Command

/** Nothing but a pack is written over, and the running program never. */
function outputOf(terminal: Terminal, { output, force }: PackOptions): string {
  const path = resolve(terminal.cwd, output)
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found) return path
  const usage = (message: string) => new CliError(exitCodes.usage, `-o ${output}: ${message}`)
  if (!found.isFile()) throw usage('it is not a file')
  if (realpathSync(path) === realpathSync(terminal.execPath)) throw usage('this is the kedge that is running')
  if (!force) throw usage('it is there already; --force writes over it')
  return path
}

function executableOf(terminal: Terminal, { executable }: PackOptions): string {
  if (executable === undefined) return terminal.execPath
  const path = resolve(terminal.cwd, executable)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isFile()) return path
  throw new CliError(
    exitCodes.usage,
    `--executable ${executable}: ${found ? 'it is not a file' : 'there is no such file'}`,
  )
}

function mustBeComplete<P extends ReturnType<typeof piecesAt>>(
  pieces: P,
  place: string | FileRange,
  { topology }: Lab,
  wanted: readonly Wanted[],
): P {
  const faults = lacking(wanted, pieces, topology)
  if (faults.length === 0) return pieces
  throw new TaskError({
    kind: 'bundle',
    message: `the bundle ${pathOf(place)} is not complete for lab ${topology.lab}`,
    lastLines: faults.map(({ name, architecture, message }) => `${name} (${architecture}): ${message}`),
    cure: 'kedge bundle create adds what is missing',
  })
}

function labText(file: string): string {
  if (!existsSync(file)) throw new CliError(exitCodes.usage, `there is no ${file} to carry; kedge init writes one`)
  const read = readSmallFile(file)
  if ('text' in read) return read.text
  throw new CliError(exitCodes.configuration, `${file}: ${read.why}`)
}

function signerOf({ cwd }: Terminal, name: string | undefined) {
  if (name === undefined) return undefined
  const read = readSmallFile(resolve(cwd, name))
  if (!('text' in read)) throw new CliError(exitCodes.usage, `--sign ${name}: ${read.why}`)
  return (claims: string) => signClaims(claims, read.text, name)
}
