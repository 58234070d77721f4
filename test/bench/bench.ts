import { describeMachine } from './machine.ts'
import { type Row, table } from './row.ts'

/**
 * The main of a bench file: `if (import.meta.main) await bench((words) => …)`. Rows go to standard output as a table, or with
 * `--json` as `{ machine, rows }` in one line, which is how test/bench/main.ts calls each file; what is said on the way goes to
 * standard error. `words` are what else was on the command line.
 */
export async function bench(measure: (words: readonly string[]) => Promise<readonly Row[]>): Promise<void> {
  const words = process.argv.slice(2)
  const machine = describeMachine()
  const rows = await measure(words.filter((word) => word !== '--json'))
  console.log(words.includes('--json') ? JSON.stringify({ machine, rows }) : table(rows))
}
