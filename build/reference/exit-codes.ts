import { exitCodeOf, exitCodes } from '../../lib/cli/exit-codes.ts'
import type { FailureKind } from '../../lib/event/failure.ts'
import { code, page, table } from './markdown.ts'

/** What each code means and what to do about it; a code that is added does not compile until it is here. */
const meanings: Readonly<Record<keyof typeof exitCodes, readonly [means: string, next: string]>> = {
  done: ['All that was asked for is so.', ''],
  bug: ['A bug in kedge.', 'Run it again with `-v`, which shows where, and report it.'],
  usage: [
    'The command line: an unknown command, task, node or run, or options that exclude each other. Nothing was touched.',
    'The message names the nearest name; `kedge help COMMAND` has the rest.',
  ],
  configuration: [
    'The lab file. Every complaint is shown with its place, and nothing was touched.',
    'Mend the file; `kedge plan --offline` reads it again.',
  ],
  unreachable: [
    'A host cannot be reached, or its key is not known or not the one on record.',
    '`kedge why NODE`; an unknown key comes with the command that accepts it.',
  ],
  taskFailed: [
    'A task failed, a claim of `kedge verify` does not hold, `kedge doctor` finds a host that is not fit, or something that was to be removed is still there.',
    'The end of the run says what to type next; `kedge logs TASK@NODE` has all that was printed.',
  ],
  labHeld: [
    'Another kedge works on this lab.',
    'The message says who and since when. Nothing stays behind when a kedge is killed: wait, or end that one.',
  ],
  bundle: [
    'The bundle lacks a piece, or one is damaged, or a pack was cut off, changed or is not signed as it should be.',
    '`kedge bundle verify` names every piece.',
  ],
  interrupted: ['Stopped by Ctrl-C, SIGTERM or SIGHUP. What ran on nodes was ended.', 'The same command goes on.'],
}

/** How a task can fail; as above. */
const kinds: Readonly<Record<FailureKind, string>> = {
  unreachable: 'No connection to the host, or it was lost and did not come back in time.',
  untrusted: 'The host shows a key that is not known, or not the one on record. Nothing was sent to it.',
  command: 'A command ended with a code other than 0.',
  timeout: "The task's `timeout` passed.",
  'still-pending': 'The task ended well, yet its check still finds something missing.',
  refused: 'The task will not act on what it found. Waiting cures nothing.',
  bundle: 'A piece is missing from the bundle, or damaged.',
  'own-task':
    'A task of your own threw, ended its process, or had to be killed. The message names the line where that can be known.',
  bug: 'Anything else: a bug in kedge.',
}

export function exitCodesPage(): string {
  const names = Object.keys(exitCodes) as (keyof typeof exitCodes)[]
  return page(
    'Exit codes',
    'lib/cli/exit-codes.ts',
    'One table for all commands.',
    table(
      ['code', 'what it means', 'what to do'],
      names.map((name) => [code(String(exitCodes[name])), ...meanings[name]]),
    ),
    '`kedge ssh` and `kedge kubectl` end with the code of the command that they ran.',
    '## Of a run in which tasks failed',
    'Each failure has a `kind` ([events](events.md), `task-failed`). Where several failed, the first of these codes counts that is among them: 1, 5, 7, 4.',
    table(
      ['kind', 'code', 'what it means'],
      (Object.keys(kinds) as FailureKind[]).map((kind) => [code(kind), code(String(exitCodeOf([kind]))), kinds[kind]]),
    ),
  )
}
