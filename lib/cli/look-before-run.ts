import { quickLook } from '../doctor/quick-look.ts'
import type { Instance } from '../plan/plan.ts'
import { cleanLine } from '../report/clean-line.ts'
import { style } from '../report/style.ts'
import { type GlobalOptions, type Terminal, wantsColor } from './command.ts'
import { exitCodeOfExamination, groupLines } from './examination-text.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Session } from './session.ts'

/**
 * The cheap ones of doctor's looks, before a run touches anything: what is amiss is a line, what cannot go well ends the run
 * with the code that this returns. `instances` are those of kedge's own tasks.
 */
export async function lookBeforeRun(
  terminal: Terminal,
  { surroundings }: Session,
  instances: readonly Instance[],
  options: GlobalOptions,
): Promise<ExitCode | undefined> {
  const groups = await quickLook({
    ...surroundings,
    signal: terminal.signal,
    nodes: new Set(instances.map(({ node }) => node)),
    tasks: new Set(instances.map(({ task }) => task)),
  })
  const failed = groups.flatMap(({ host, findings }) => {
    const failures = findings.filter(({ state }) => state === 'fail')
    return failures.length > 0 ? [{ host, failures }] : []
  })
  if (!options.quiet)
    for (const { host, findings } of groups)
      for (const { state, what, figure } of findings)
        if (state === 'warn') terminal.error(`warn  ${host}: ${what}: ${cleanLine(figure)}\n`)
  if (failed.length === 0) return undefined
  const paint = style(wantsColor(terminal, options))
  for (const { host, failures } of failed) terminal.error(`${host}\n${groupLines(failures, paint).join('\n')}\n`)
  terminal.error('nothing was touched. `kedge doctor` looks at all; `--no-doctor` runs all the same\n')
  return exitCodeOfExamination(groups)
}
