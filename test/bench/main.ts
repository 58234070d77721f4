import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine, type Machine } from './machine.ts'
import { type Row, skip, table } from './row.ts'

/**
 * `bun run bench [BENCH…]`: all benches, or these, one after the other, each in a process of its own; writes RESULTS.md and
 * results.json beside this file when all have run, or to the folder that `--out` names.
 */
const benches: Readonly<Record<string, readonly string[]>> = {
  'start-up': ['9'],
  tasks: ['3'],
  planning: ['5'],
  memory: [],
  hosts: ['50', '3'],
  delivery: [],
  deployment: [],
}
/** Of any one bench: far more than any takes on a machine that has nothing else to do. */
const minutes = 12

const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true })
const unknown = positionals.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`there is no bench ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
const wanted = positionals.length > 0 ? positionals : Object.keys(benches)
const folder = mkdtempSync(join(tmpdir(), 'kedge-bench-'))
try {
  const kedge = process.env.KEDGE_BENCH_KEDGE ?? compile()
  const began = describeMachine()
  const rows: Row[] = []
  for (const [index, name] of wanted.entries()) {
    console.error(`bench: ${name}, ${index + 1} of ${wanted.length}`)
    const start = performance.now()
    rows.push(...(await rowsOf(name, kedge)))
    console.error(`bench: ${name} took ${((performance.now() - start) / 1000).toFixed(0)} s`)
  }
  const results = { machine: began, version: versionOf(kedge), rows }
  console.log(table(rows))
  const out = values.out ?? (positionals.length === 0 ? import.meta.dir : undefined)
  if (out) {
    writeFileSync(join(out, 'RESULTS.md'), page(results))
    writeFileSync(join(out, 'results.json'), `${JSON.stringify(results, rounded, 1)}\n`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Those of one bench; one that fails is a row that says so, since the others have their figures all the same. */
async function rowsOf(name: string, kedge: string): Promise<readonly Row[]> {
  const file = join(import.meta.dir, `${name}.ts`)
  if (!existsSync(file)) return [skip(name, '', 'it is not there')]
  const child = Bun.spawn([process.execPath, file, '--json', ...(benches[name] ?? [])], {
    env: { ...process.env, KEDGE_BENCH_KEDGE: kedge },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: minutes * 60_000,
  })
  const [text, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited])
  try {
    const { rows } = JSON.parse(text.trim().split('\n').at(-1) ?? '') as { rows: readonly Row[] }
    return rows
  } catch {
    return [
      skip(name, '', exitCode === 0 ? 'it printed no rows' : 'it failed, or took too long; see what it said above'),
    ]
  }
}

function compile(): string {
  console.error('bench: compiling kedge')
  const words = [process.execPath, join(import.meta.dir, '../../build/compile.ts'), '--outdir', folder]
  const { success, stderr } = Bun.spawnSync(words)
  if (!success) throw new Error(`kedge did not compile:\n${stderr}`)
  return join(folder, 'kedge')
}

function versionOf(kedge: string): string {
  return Bun.spawnSync([kedge, 'version']).stdout.toString().trim()
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value
}

function page({ machine, version, rows }: { machine: Machine; version: string; rows: readonly Row[] }): string {
  const { cpus, model, memoryGiB, kernel, load, bun } = machine
  return `# Results of the last run

\`bun run bench\` on ${cpus} cores of ${model}, ${memoryGiB} GiB of memory, Linux ${kernel}, load ${load.join(', ')} when it began;
${version}, built with Bun ${bun}. Medians; all ways took turns in every round, after one round that does not count. Figures of single
rounds are in [results.json](results.json). What is compared, and what the figures are made of: [README](README.md).

${table(rows)}
`
}
