import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let built: string | undefined

const prefix = 'kedge-binary-'

/** Bun calls nobody at the end of a test run, so each run takes away what those before it have left. */
function removeLeft(): void {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(prefix)))
    if (!existsSync(`/proc/${name.slice(prefix.length)}`))
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
}

/** A freshly compiled kedge, made once for a whole test run. */
export function builtBinary(): string {
  if (built) return built
  removeLeft()
  const folder = join(tmpdir(), `${prefix}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  const compile = Bun.spawnSync([process.execPath, join(import.meta.dir, '../../build/compile.ts'), '--outdir', folder])
  if (!compile.success) throw new Error(`kedge did not compile:\n${compile.stderr}`)
  built = join(folder, 'kedge')
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
