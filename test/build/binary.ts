import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let built: string | undefined

/** A freshly compiled kedge, made once for a whole test run, and removed with it. */
export function builtBinary(): string {
  if (built) return built
  const folder = mkdtempSync(join(tmpdir(), 'kedge-binary-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const compile = Bun.spawnSync([process.execPath, join(import.meta.dir, '../../build/compile.ts'), '--outdir', folder])
  if (!compile.success) throw new Error(`kedge did not compile:\n${compile.stderr}`)
  built = join(folder, 'kedge')
  return built
}

export type Result = { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

/** Runs a program with exactly this environment, in this folder, and nothing on its input. */
export function runIn(folder: string, words: readonly string[], env: Readonly<Record<string, string>> = {}): Result {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...words], { cwd: folder, env: { ...env }, stdin: 'ignore' })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}
