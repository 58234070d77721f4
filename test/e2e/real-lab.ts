import { expect } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { resultOf } from '../build/binary.ts'
import { homeOf, sshTo } from '../lab/containers/containers.ts'
import { down, up } from '../lab/containers/ground.ts'
import { containers } from '../lab/containers/lab-file.ts'
import { labFrom } from '../lab/lab.ts'
import { inside } from '../lab/namespace.ts'

/*
 * Real Kubernetes and real KubeEdge on system containers: what stand-ins cannot prove. It needs programs that no package
 * registry has, so it runs where KEDGE_BUNDLE names a bundle of them; README.md says what goes into one.
 */
export const wanted = process.env.KEDGE_BUNDLE !== undefined && process.env.KEDGE_LAB !== '1'
if (!wanted) console.log('e2e: skipped, since KEDGE_BUNDLE names no bundle of real programs')

export const lab = labFrom({ KEDGE_LAB_NAME: 'kedge-e2e', ...process.env })
export const plan = { lab, containers }
export const nodes = containers.map(({ name }) => name)
export const kedge = process.env.KEDGE_LAB_KEDGE ?? join(import.meta.dir, '../../dist/kedge')
const reuse = process.env.KEDGE_LAB_REUSE === '1'

export async function raise(): Promise<void> {
  if (!existsSync(kedge)) throw new Error(`${kedge} is missing: bun run build`)
  if (reuse) return
  await down(lab)
  await up(lab)
}

export async function raze(): Promise<void> {
  if (!reuse) await down(lab)
}

export type Outcome = { readonly code: number; readonly output: string; readonly errors: string }

export async function spawned(words: readonly string[], input?: string): Promise<Outcome> {
  const child = Bun.spawn([...words], {
    cwd: lab.folder,
    env: environment(),
    stdio: [input === undefined ? 'ignore' : new Blob([input]), 'pipe', 'pipe'],
  })
  const { exitCode, stdout, stderr } = await resultOf(child)
  return { code: exitCode, output: stdout, errors: stderr }
}

export const environment = () => ({ ...process.env, HOME: homeOf(lab) })

/** kedge in the lab; what it says goes to the test's own log. */
export async function run(...words: string[]): Promise<Outcome> {
  const outcome = await spawned(inside(lab.name, [kedge, ...words]))
  if (words[0] !== 'kubectl') console.log(`e2e: kedge ${words.join(' ')}: ${outcome.code}\n${outcome.errors.trimEnd()}`)
  return outcome
}

/** A script in a node's bash, as root. */
export const on = (node: string, script: string) => spawned(sshTo(plan, node, ['bash', '-s']), script)

/** kubectl's answer; anything but success fails the test. */
export async function kubectl(...words: string[]): Promise<string> {
  const { code, output, errors } = await run('kubectl', ...words)
  expect({ words, code, errors: code === 0 ? '' : errors }).toEqual({ words, code: 0, errors: '' })
  return output.trim()
}

/** Bounded by the test's own timeout. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const began = Date.now()
  while (!(await holds())) await Bun.sleep(1000)
  console.log(`e2e: ${what} after ${((Date.now() - began) / 1000).toFixed(0)} s`)
}

export const readiness = (node: string) =>
  kubectl('get', 'node', node, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')

export const untilReady = (node: string, status: string) =>
  until(`node ${node} Ready=${status}`, async () => (await readiness(node)) === status)
