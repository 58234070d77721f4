import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtBinary, runIn } from '../build/binary.ts'
import { configInput } from './config-inputs.ts'
import { bundleToDamage, judges } from './judge.ts'
import { manifestInput } from './manifest-inputs.ts'

// A part of what fuzz.test.ts asks of kedge's insides, asked of the whole program.
const firstSeed = Number(process.env.KEDGE_SEED ?? 20_261_122)
const seeds = Array.from({ length: 50 }, (_, index) => firstSeed + index)
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent' }

let folder: string
beforeAll(() => {
  builtBinary()
  folder = mkdtempSync(join(tmpdir(), 'kedge-hostile-'))
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const fresh = (name: string) => mkdtempSync(join(folder, name))
const stackTrace = /^\s+at .+:\d+/m

test(`kedge plan --offline ends as its parts say for ${seeds.length} lab files`, async () => {
  const judge = await judges.config(fresh('judged-'))
  const lab = fresh('lab-')
  const seen = new Set<number>()
  for (const seed of seeds) {
    writeFileSync(join(lab, 'kedge.config.yaml'), configInput(seed))
    const { exitCode, stdout, stderr } = runIn(lab, [builtBinary(), 'plan', '--offline'], env)
    seen.add(exitCode)
    expect({ seed, exitCode }).toEqual({ seed, exitCode: (await judge(seed)).exitCode })
    if (exitCode === 0) expect(stdout, `seed ${seed}`).toMatch(/\n\d+ to do.*\n$/)
    else expect(stderr, `seed ${seed}`).toMatch(/kedge\.config\.yaml:\d+:\d+: /)
    expect(stderr, `seed ${seed}`).not.toMatch(stackTrace)
  }
  expect(seen).toEqual(new Set([0, 3]))
}, 600_000)

/** With `mqtt: bundle` a run that loads images opens the bundle before it touches anything; here nothing else needs a node. */
const opensBundle = `version: 1
lab: hostile
nodes:
  master: { role: control-plane, ssh: { host: 127.0.0.1, port: 1 } }
kubeedge: { mqtt: bundle }
bundle: ./bundle
tasks:
  load-kubeedge-images: { on: hypervisor, sh: 'true' }
`

test(`kedge run --dry-run ends as its parts say for the manifests of ${seeds.length} bundles`, async () => {
  const judge = await judges.manifest(fresh('judged-'))
  const lab = fresh('lab-')
  writeFileSync(join(lab, 'kedge.config.yaml'), opensBundle)
  const bundle = bundleToDamage(lab)
  const seen = new Set<number>()
  for (const seed of seeds) {
    writeFileSync(join(bundle, 'manifest.json'), manifestInput(seed, bundle))
    const words = [builtBinary(), 'run', 'load-kubeedge-images', '--only', '--dry-run']
    const { exitCode, stderr } = runIn(lab, words, env)
    seen.add(exitCode)
    expect({ seed, exitCode, stderr }).toEqual({ seed, exitCode: (await judge(seed)).exitCode, stderr })
    if (exitCode !== 0) expect(stderr, `seed ${seed}`).toContain('bundle')
    expect(stderr, `seed ${seed}`).not.toMatch(stackTrace)
  }
  expect(seen).toEqual(new Set([0, 7]))
}, 600_000)
