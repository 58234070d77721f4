import { verbatim } from '../host/shell.ts'
import type { Wiring } from '../topology/topology.ts'
import { alwaysRuns, doneIf, pending, type Task } from './task.ts'

/** A task of two shell lines in the YAML file: `sh` changes, `check` looks. Without a check it runs every time. */
export function oneLiner({ sh, check }: { readonly sh: string; readonly check?: string }): Task {
  let hasRun = false
  return {
    description: sh,
    async check({ $ }) {
      if (check === undefined) return doneIf(hasRun, alwaysRuns)
      const { exitCode } = await $(verbatim(check)).nothrow()
      return exitCode === 0 ? { done: true } : pending(`\`${check}\` ended with ${exitCode}`)
    },
    async run({ $ }) {
      await $(verbatim(sh))
      hasRun = true
    },
  }
}

export const isOneLiner = (wiring: Wiring): wiring is Wiring & { readonly sh: string } => wiring.sh !== undefined
