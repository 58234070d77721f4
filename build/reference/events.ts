import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, EventBody, InstanceFields, SkipReason } from '../../lib/event/event.ts'
import type { Failure } from '../../lib/event/failure.ts'
import { block, code, page, table } from './markdown.ts'

/** What is said of a field: its type in JSON, which the compiler holds against the code, and what it is. */
type Said<T> = readonly [type: JsonType<T>, text: string]
type JsonType<T> = [T] extends [string]
  ? 'string'
  : [T] extends [number]
    ? 'number'
    : [T] extends [boolean]
      ? 'boolean'
      : Structured<T>
type Structured<T> = T extends readonly unknown[] ? 'array' : 'object'
/** Every field of T, and no other; one that may be missing has `optional` at its end. */
type Fields<T> = {
  readonly [Key in keyof T]-?: undefined extends T[Key]
    ? readonly [...Said<Exclude<T[Key], undefined>>, 'optional']
    : Said<T[Key]>
}
type Of<Type> = Extract<EventBody, { readonly type: Type }>
type OwnFields<Type> = Fields<Omit<Of<Type>, 'type' | (Of<Type> extends InstanceFields ? keyof InstanceFields : never)>>
type Described<T> = { readonly text: string; readonly fields: T }

/** A field that is added to an event, or taken from one, does not compile until it is so here. */
const events: { readonly [Type in EventBody['type']]: Described<OwnFields<Type>> } = {
  'run-started': {
    text: 'The first event of a run.',
    fields: {
      lab: ['string', 'name of the lab'],
      kedge: ['string', 'version of kedge'],
      instances: ['number', 'how many instances the run covers'],
      jobs: ['number', 'how many may run at once'],
      seed: ['number', 'decides the order in which instances that are ready together start'],
      dryRun: ['boolean', 'nothing is changed: only checks are asked'],
    },
  },
  'task-checking': {
    text: 'The check before a task has begun. It only looks; the journal does not keep it.',
    fields: {},
  },
  'task-started': {
    text: 'On disk before the task changes anything: from here on the node may have changed.',
    fields: {
      why: ['string', 'what is missing, in the words of the check'],
      attempt: ['number', 'from 1'],
    },
  },
  'task-output': {
    text: 'One line. The journal does not keep it: it is in the log of the instance.',
    fields: {
      stream: [
        'string',
        '`command`: what is about to run; `stdout`, `stderr`: what it prints; `note`: what the task says',
      ],
      text: ['string', 'the line, secrets masked'],
    },
  },
  'task-retrying': {
    text: 'An attempt has failed, and the task is tried again after a pause.',
    fields: {
      attempt: ['number', 'the attempt that failed'],
      inSeconds: ['number', 'the pause'],
      failure: ['object', 'why, see below'],
    },
  },
  'task-finished': {
    text: 'The task has run, and its check says done.',
    fields: {
      seconds: ['number', "from the instance's start to its end, checks included"],
      inputs: ['object', 'part of what it was given (its code, node, versions …) → a digest of it', 'optional'],
    },
  },
  'task-skipped': {
    text: 'The task did not run.',
    fields: {
      because: ['string', 'one of the reasons below'],
      seconds: ['number', 'as above'],
      cause: ['string', 'the failed instance that held this one back, for `dependency-failed`', 'optional'],
      inputs: ['object', 'as above, for `already-done`', 'optional'],
    },
  },
  'task-pending': {
    text: 'In a dry run: the task would have been run.',
    fields: { why: ['string', 'what is missing, in the words of the check'], seconds: ['number', 'as above'] },
  },
  'task-failed': {
    text: 'The task has failed for good, after its retries.',
    fields: { seconds: ['number', 'as above'], failure: ['object', 'why, see below'] },
  },
  'run-finished': {
    text: 'The last event of a run. A run without it was killed.',
    fields: {
      result: ['string', '`ok`, `failed` or `interrupted`'],
      seconds: ['number', 'wall time'],
      finished: ['number', 'instances that ran'],
      alreadyDone: ['number', 'instances whose check said done'],
      failed: ['number', 'instances that failed'],
      heldBack: ['number', 'instances that did not run because of one that failed, or of a stop'],
    },
  },
}

const everyEvent: Fields<Omit<Event, 'type'>> = {
  at: ['string', 'ISO 8601 in UTC, with milliseconds'],
  run: ['string', 'identifies the run, for `kedge report --run` and `kedge logs --run`'],
}
const instance: Fields<InstanceFields> = {
  id: ['string', '`task@node`, unique within a lab'],
  task: ['string', 'name of the task'],
  node: ['string', 'the node, or `hypervisor`'],
  phase: ['string', '`configuration`, `installation` or `verification`'],
}
const reasons: Readonly<Record<SkipReason, string>> = {
  'already-done': 'its check found nothing missing',
  'dependency-failed': 'an instance that it waits for has failed',
  interrupted: 'the run was stopped before its turn came',
  'not-selected': 'the command line left it out',
}
const failure: Fields<Failure> = {
  kind: ['string', 'see [exit codes](exit-codes.md#of-a-run-in-which-tasks-failed)'],
  message: ['string', 'one sentence, secrets masked'],
  isFinal: ['boolean', 'waiting cures nothing, although it does for others of this kind', 'optional'],
  host: ['string', "the machine where it happened, where that is not the instance's node", 'optional'],
  command: ['string', 'the command that failed, secrets masked', 'optional'],
  exitCode: ['number', 'its exit code', 'optional'],
  signal: ['string', 'the signal that ended it', 'optional'],
  lastLines: ['array', 'what it printed last, oldest first', 'optional'],
  cause: ['string', 'what is behind it, where the failure is [known](known-failures.md)', 'optional'],
  cure: ['string', 'what to type', 'optional'],
}

/** The events of `kedge run --json` and of the journal. */
export function eventsPage(): string {
  const examples = exampleLines()
  return page(
    'Events',
    'the types in lib/event',
    '`kedge run --json` prints one JSON object a line; the same events are the rows of the journal, from which status, report and the live display are made. Fields may be added; none changes its meaning.',
    '## In every event',
    fieldTable({ type: ['string', 'one of those below'], ...everyEvent }),
    '## In every event about an instance',
    fieldTable(instance),
    ...Object.entries(events).flatMap(([type, { text, fields }]) => [
      `## ${type}`,
      text,
      ...(Object.keys(fields).length > 0 ? [fieldTable(fields)] : []),
      ...(type === 'task-skipped' ? [reasonTable()] : []),
      ...(examples.has(type) ? [block(examples.get(type) ?? '', 'json')] : []),
    ]),
    '## failure',
    'Why an instance failed.',
    fieldTable(failure),
  )
}

const fieldTable = (fields: Readonly<Record<string, readonly string[]>>): string =>
  table(
    ['field', 'type', 'what it is'],
    Object.entries(fields).map(([name, [type = '', text = '', optional]]) => [
      code(name),
      optional ? `${type}, may be missing` : type,
      text,
    ]),
  )

const reasonTable = (): string =>
  table(
    ['because', 'what it means'],
    Object.entries(reasons).map(([reason, text]) => [code(reason), text]),
  )

/** The first event of each type in the run that the tests of `--json` know; of those with plain text, where there is one. */
function exampleLines(): ReadonlyMap<string, string> {
  const golden = join(import.meta.dir, '../../test/golden/report/json-failed.jsonl')
  const lines = readFileSync(golden, 'utf8').trim().split('\n')
  const plainLast = [
    ...lines.filter((line) => line.includes('\\u')),
    ...lines.filter((line) => !line.includes('\\u')).toReversed(),
  ]
  return new Map(plainLast.map((line) => [(JSON.parse(line) as Event).type, line]))
}
