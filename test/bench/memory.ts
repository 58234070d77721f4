import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtBinary } from '../build/binary.ts'
import { bench } from './bench.ts'
import { compare, type Row } from './row.ts'

/** What kedge needs while a task prints 500 MB, which it logs and shows: `bun test/bench/memory.ts`. */
const flood = 'yes "a line of output that a task may well print now and then" | head -c 500000000 || true'

export async function memoryRows(): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-bench-'))
  try {
    writeFileSync(
      join(folder, 'kedge.config.yaml'),
      `version: 1\nlab: bench\nextends: none\ntasks:\n  flood: { on: hypervisor, sh: '${flood}' }\n`,
    )
    const child = Bun.spawn([process.env.KEDGE_BENCH_KEDGE ?? builtBinary(), 'run', 'all'], {
      cwd: folder,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    if ((await child.exited) !== 0) throw new Error('the run failed')
    // Of the process whose peak was highest: `yes` and `head` need next to nothing.
    const peakMiB = (child.resourceUsage()?.maxRSS ?? Number.NaN) / 1024 ** 2
    const what = 'memory while a task prints 500 MB'
    return [compare({ what, against: 'a limit', unit: 'MiB', ours: [peakMiB], theirs: [150], goal: { atMost: 1 } })]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) await bench(memoryRows)
