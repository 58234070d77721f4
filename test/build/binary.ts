import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const prefix = 'kedge-built-'

/** Worker processes of `bun test --parallel` are children of the one that was called, and share what it is the name of. */
const testRun = process.env.JEST_WORKER_ID === undefined ? process.pid : process.ppid

/** Bun calls nobody at the end of a test run, so each run takes away what those before it have left. */
function removeLeft(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix))) {
    const [pid = 0, began] = name.slice(prefix.length).split('-').map(Number)
    if (beginningOf(pid) !== began) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** In ticks since boot: with it a pid names one process. */
function beginningOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return undefined
  }
}

/** A freshly compiled kedge, made once for a whole test run; twice where two workers need it at once. */
export function builtBinary(): string {
  const folder = join(tmpdir(), `${prefix}${testRun}-${beginningOf(testRun)}`)
  const built = join(folder, 'kedge')
  if (existsSync(built)) return built
  removeLeft()
  const aside = join(folder, `${process.pid}`)
  mkdirSync(aside, { recursive: true })
  const compile = Bun.spawnSync([process.execPath, join(import.meta.dir, '../../build/compile.ts'), '--outdir', aside])
  if (!compile.success) throw new Error(`kedge did not compile:\n${compile.stderr}`)
  // A program that is renamed over goes on as the one that it was.
  renameSync(join(aside, 'kedge'), built)
  rmSync(aside, { recursive: true })
  return built
}

export type Result = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** What a child that was started with pipes says until its end. */
export async function resultOf(child: Bun.ReadableSubprocess): Promise<Result> {
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { exitCode, stdout, stderr }
}

/** Runs a program with exactly this environment, in this folder, and nothing on its input. */
export function runIn(folder: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Result {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { cwd: folder, env: { ...env }, stdin: 'ignore' })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}
