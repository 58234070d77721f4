import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Peer } from './debian-programs.ts'

/** Exact, so that the figures of two runs can be compared. */
const versions = { 'rust-just': '1.57.0', '@moonrepo/cli': '2.5.5', turbo: '2.11.11', deno: '2.9.6' } as const
const packageOf = { just: 'rust-just', moon: '@moonrepo/cli', turbo: 'turbo', deno: 'deno' } as const
export type NpmProgram = keyof typeof packageOf

/** Kept for the next run. */
const folder = join(tmpdir(), 'kedge-bench-programs')

/** The programs themselves: what npm puts into `.bin` starts Node.js first, and that is not what is measured. */
export function npmProgramPath(name: NpmProgram): string {
  const packages = join(folder, 'node_modules')
  const native = {
    just: 'rust-just-linux-*/bin/just',
    moon: '@moonrepo/core-linux-*-gnu/moon',
    turbo: '@turbo/linux-*/bin/turbo',
    deno: '@deno/linux-*-glibc/deno',
  }
  const [path] = existsSync(packages) ? new Bun.Glob(native[name]).scanSync({ cwd: packages, absolute: true }) : []
  return path ?? join(packages, '.bin', name)
}

/** Programs that a bench is run against, from npm into a folder outside the project. Who cannot be had says why. */
export async function npmPrograms<Name extends NpmProgram>(names: readonly Name[]): Promise<Record<Name, Peer>> {
  mkdirSync(folder, { recursive: true })
  if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const missing = names.filter((name) => !existsSync(npmProgramPath(name)))
  if (missing.length > 0) {
    console.error(`bench: ${missing.join(', ')}, from npm`)
    const wanted = missing.map((name) => `${packageOf[name]}@${versions[packageOf[name]]}`)
    const options = ['--no-audit', '--no-fund', '--save-exact', '--loglevel=error']
    const child = Bun.spawn(['npm', 'install', ...options, ...wanted], { cwd: folder, stdout: 'ignore', stderr: 2 })
    await child.exited
  }
  const peers = names.map((name): [Name, Peer] => {
    const version = versions[packageOf[name]]
    const { success } = existsSync(npmProgramPath(name))
      ? Bun.spawnSync([npmProgramPath(name), '--version'], { cwd: folder })
      : { success: false }
    return [
      name,
      success ? { isThere: true, version } : { isThere: false, why: 'npm did not bring a program that runs' },
    ]
  })
  return Object.fromEntries(peers) as Record<Name, Peer>
}
