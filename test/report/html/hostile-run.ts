import type { LogExcerpt } from '../../../lib/event/log-excerpts.ts'
import type { InstanceRecord, RunRecord } from '../../../lib/report/fold-run.ts'
import type { RunFacts } from '../../../lib/report/measure-run.ts'

/** What ends a script, a comment or an attribute early, what a browser would run, and what a terminal would obey. */
export const hostile =
  '</script><script>window.pwned=1</script><!--<script>"\'><img src=http://127.0.0.1:9/ onerror=window.pwned=2> ' +
  '\u001b[31mred\u001b[0m \u0000\u0007\u009b31m\u2028\u202egnp.exe ]]> &lt; \ud800'

/** What is left of it to be read. */
export const readable =
  '</script><script>window.pwned=1</script><!--<script>"\'><img src=http://127.0.0.1:9/ onerror=window.pwned=2> ' +
  'red gnp.exe ]]> &lt; \ufffd'

const at = '2026-11-22T08:00:00.000Z'
const end = '2026-11-22T08:00:09.000Z'

/** Every text that a person, a file or a node may have written is hostile: names, reasons, failures, logs. */
export function hostileRun(): {
  readonly record: RunRecord
  readonly facts: RunFacts
  readonly logs: ReadonlyMap<string, LogExcerpt>
} {
  const failed: InstanceRecord = {
    id: `${hostile}@${hostile}`,
    task: hostile,
    node: hostile,
    phase: hostile,
    run: 'hostile',
    state: 'failed',
    attempts: 2,
    seconds: 9,
    startedAt: at,
    finishedAt: end,
    why: hostile,
    failure: {
      kind: 'command',
      message: hostile,
      command: hostile,
      exitCode: 1,
      lastLines: [hostile],
      cause: hostile,
      cure: hostile,
    },
  }
  const heldBack: InstanceRecord = {
    ...failed,
    id: `after@${hostile}`,
    task: 'after',
    state: 'held-back',
    attempts: 0,
    cause: failed.id,
    startedAt: end,
  }
  return {
    record: {
      id: 'hostile',
      lab: hostile,
      kedge: hostile,
      startedAt: at,
      dryRun: false,
      seconds: 9,
      result: 'failed',
      total: 2,
      instances: [failed, heldBack],
    },
    facts: {
      waits: new Map([
        [failed.id, []],
        [heldBack.id, [failed.id]],
      ]),
      roles: new Map([[hostile, 'edge']]),
      steps: new Map(),
    },
    logs: new Map([[failed.id, { path: hostile, bytes: 7, head: [`${at} ! ${hostile}`], tail: [hostile] }]]),
  }
}
