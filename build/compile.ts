import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { noNativeAddons } from './no-native-addons.ts'
import { validator } from './validator.ts'

/** Targets by name: Bun's own name for each, and the npm package that carries its runtime. */
const targets = {
  'linux-x64': { bun: 'bun-linux-x64', runtime: '@oven/bun-linux-x64' },
  'linux-arm64': { bun: 'bun-linux-arm64', runtime: '@oven/bun-linux-aarch64' },
} as const
type Target = keyof typeof targets

const root = join(import.meta.dir, '..')
const thisMachine: Target = process.arch === 'arm64' ? 'linux-arm64' : 'linux-x64'

const { values } = parseArgs({
  options: { target: { type: 'string', multiple: true }, outdir: { type: 'string', default: join(root, 'dist') } },
})
const wanted = values.target ?? []
for (const name of wanted) {
  if (!(name in targets)) {
    console.error(`there is no target ${name}; there are ${Object.keys(targets).join(', ')}`)
    process.exit(2)
  }
}
mkdirSync(values.outdir, { recursive: true })
if (wanted.length === 0) await compile(thisMachine, join(values.outdir, 'kedge'))
for (const name of wanted) await compile(name as Target, join(values.outdir, `kedge-${name}`))

/** One executable with everything in it; written aside, so that a failed build leaves the last good one. */
async function compile(target: Target, outfile: string): Promise<void> {
  const began = performance.now()
  // Bun puts the source maps of all chunks beside its output; the executable carries them, so they stay behind.
  const folder = `${outfile}.parts`
  const aside = join(folder, 'kedge')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const result = await Bun.build({
    entrypoints: [join(root, 'lib/cli/main.ts')],
    // Lazy imports stay separate chunks: what a command does not use is not even parsed.
    splitting: true,
    bytecode: true,
    minify: true,
    format: 'esm',
    sourcemap: 'inline',
    define: { KEDGE_COMMIT: JSON.stringify(commit()) },
    plugins: [noNativeAddons, validator],
    compile: {
      target: targets[target].bun,
      outfile: aside,
      ...runtimeOf(target),
      // Files that lie about where kedge is started must do nothing.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: true,
      autoloadPackageJson: true,
    },
  })
  if (!result.success) throw new AggregateError(result.logs, `${target} did not compile`)
  renameSync(aside, outfile)
  rmSync(folder, { recursive: true })
  const megabytes = (statSync(outfile).size / 1e6).toFixed(0)
  console.log(`${outfile}: ${target}, ${megabytes} MB, ${((performance.now() - began) / 1000).toFixed(1)} s`)
}

/** Another architecture's runtime: out of its npm package, which is fetched once and kept beside the other packages. */
function runtimeOf(target: Target): { executablePath?: string } {
  if (target === thisMachine) return {}
  const name = targets[target].runtime
  const folder = join(root, 'node_modules/.cache/kedge', `${name.replace('/', '-')}-${Bun.version}`)
  const executablePath = join(folder, 'package/bin/bun')
  if (existsSync(executablePath)) return { executablePath }
  const aside = `${folder}.new`
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside, { recursive: true })
  run(['npm', 'pack', '--silent', `${name}@${Bun.version}`, '--pack-destination', aside], root)
  for (const packed of readdirSync(aside)) run(['tar', '-xzf', packed], aside)
  renameSync(aside, folder)
  return { executablePath }
}

function run(command: string[], cwd: string): void {
  const { success, stderr } = Bun.spawnSync(command, { cwd })
  if (!success) throw new Error(`${command.join(' ')}: ${stderr.toString().trim()}`)
}

function commit(): string {
  const git = Bun.spawnSync(['git', 'describe', '--always', '--dirty', '--abbrev=10'], { cwd: root, stderr: 'ignore' })
  return git.success ? git.stdout.toString().trim() : 'unknown'
}
