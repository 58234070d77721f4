import { expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { foldRun } from '../../lib/report/fold-run.ts'
import { jsonReporter } from '../../lib/report/json.ts'
import { mergeRuns } from '../../lib/report/merge-runs.ts'
import { type PlainOptions, plainReporter } from '../../lib/report/plain.ts'
import { report, reportFormats } from '../../lib/report/report.ts'
import { summary } from '../../lib/report/summary.ts'
import { expectGolden } from './expect-golden.ts'
import { changed, factsOf, initTimedOut, joinRefused, lab, noVm, unreachable } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const reference = lab(2)
const okRun = simulateRun(reference)
const againRun = simulateRun(
  changed(reference, () => ({ ends: 'already-done', seconds: 0.1 })),
  { run: 'r-0008', start: '2026-01-05T11:00:00.000Z' },
)
const dryRun = simulateRun(
  changed(reference, ({ id }) => ({ ends: id.endsWith('edge-2') ? 'pending' : 'already-done', seconds: 0.1 })),
  { dryRun: true },
)
const failure = joinRefused('edge-2', '192.168.24.9')
const failedRun = simulateRun(
  changed(reference, ({ id }) =>
    id === 'join-edge@edge-2'
      ? {
          ends: failure,
          failedAttempts: { count: 2, failure },
          output: ['keadm join --token ***', 'pulling \u001b[1mimages\u001b[0m', '10%\r20%\r\u001b[2J30%'],
        }
      : id.startsWith('disable-swap')
        ? { ends: 'already-done', seconds: 0.1 }
        : undefined,
  ),
)
const manyFailedRun = simulateRun(
  changed(lab(200), ({ id }) => {
    const number = Number(id.split('@edge-')[1])
    if (id.startsWith('join-edge') && number > 40) {
      return { ends: joinRefused(`edge-${number}`, `192.168.${number % 7}.${number}`) }
    }
    return id.startsWith('install-runtime') && (number === 7 || number === 13)
      ? { ends: unreachable(`10.0.0.${number}`) }
      : undefined
  }),
)
const heldBackRun = simulateRun(
  changed(lab(5), ({ id }) => (id === 'init-cluster@master' ? { ends: initTimedOut } : undefined)),
)
const oneCauseRun = simulateRun(
  changed(lab(200), ({ id }) => {
    const number = Number(id.split('@edge-')[1])
    return id.startsWith('join-edge') && [17, 18, 19, 20, 104, 171].includes(number)
      ? { ends: joinRefused(`edge-${number}`, `192.168.24.${number}`) }
      : undefined
  }),
)
const elsewhereRun = simulateRun(
  changed(reference, ({ id }) => (id === 'create-vms@edge-1' ? { ends: noVm } : undefined)),
)
const interruptedRun = simulateRun(reference, { interruptedAfter: 60 })
const killedRun = okRun.slice(0, 40)

const plain = (events: readonly Event[], options?: PlainOptions): string => {
  let text = ''
  const reporter = plainReporter((line) => {
    text += line
  }, options)
  for (const event of events) reporter(event)
  return text
}

const plainCases: [string, readonly Event[], PlainOptions][] = [
  ['plain-ok.txt', okRun, {}],
  ['plain-failed-verbose.txt', failedRun, { verbose: true }],
  ['plain-failed-quiet.txt', failedRun, { quiet: true }],
  ['plain-failed-ci.txt', failedRun, { timestamps: true }],
  ['plain-failed-color.txt', failedRun, { color: true }],
  ['plain-dry-run.txt', dryRun, {}],
]
test.each(plainCases)('%s', (name, events, options) => expectGolden(name, plain(events, options)))

const logs = '.kedge/paper/runs/r-0007'
const summaryCases: [string, readonly Event[], Parameters<typeof summary>[1]][] = [
  ['summary-ok.txt', okRun, {}],
  ['summary-again.txt', againRun, { log: logs }],
  ['summary-dry-run.txt', dryRun, {}],
  ['summary-failed.txt', failedRun, { log: logs }],
  ['summary-failed-80-columns.txt', failedRun, { width: 80, kedge: './kedge -c labs/paper.yaml', log: logs }],
  ['summary-failed-40-columns.txt', failedRun, { width: 40 }],
  ['summary-failed-skip.txt', failedRun, { width: 80, wanted: 'all --skip verify', alike: '--skip verify' }],
  ['summary-failed-elsewhere.txt', elsewhereRun, { width: 80, log: logs }],
  ['summary-holds-back-12.txt', heldBackRun, { width: 80, log: logs }],
  ['summary-one-cause-on-6-of-200.txt', oneCauseRun, { width: 80, log: logs }],
  ['summary-many-failed.txt', manyFailedRun, { width: 100, log: logs }],
  ['summary-many-failed-quiet.txt', manyFailedRun, { width: 100, quiet: true }],
  ['summary-interrupted.txt', interruptedRun, { wanted: 'join-edge', log: logs }],
  ['summary-killed.txt', killedRun, {}],
]
test.each(summaryCases)('%s', (name, events, options) => expectGolden(name, summary(foldRun(events), options)))

const extensions = { table: 'txt', markdown: 'md', json: 'json', csv: 'csv', junit: 'xml' } as const
// The page has tests of its own: test/report/html.
const formats = Object.keys(reportFormats).filter((format): format is keyof typeof extensions => format in extensions)
const records: [string, ReturnType<typeof foldRun> | undefined][] = [
  ['ok', foldRun(okRun)],
  ['again', foldRun(againRun)],
  ['failed', foldRun(failedRun)],
  ['merged', mergeRuns([foldRun(againRun), foldRun(okRun), foldRun(failedRun)].map(oneOfThree))],
]
function oneOfThree(record: ReturnType<typeof foldRun>, index: number) {
  return index === 2 ? withoutMaster(record) : record
}
/** As if the failing run had come an hour after the first one and had built nothing but the edges. */
function withoutMaster(record: ReturnType<typeof foldRun>): ReturnType<typeof foldRun> {
  const startedAt = '2026-01-05T10:30:00.000Z'
  return {
    ...record,
    id: 'r-0009',
    startedAt,
    instances: record.instances.map((instance) =>
      instance.node.startsWith('edge')
        ? { ...instance, run: 'r-0009' }
        : { ...instance, run: 'r-0009', state: 'already-done', attempts: 0 },
    ),
  }
}
for (const [name, record] of records) {
  test.each(formats)(`report-${name} as %s`, (format) => {
    if (!record) throw new Error('nothing to report')
    return expectGolden(`report-${name}.${extensions[format]}`, report(record, factsOf(reference), format))
  })
}

const slowerRun = simulateRun(
  changed(reference, ({ id, seconds }) =>
    id.startsWith('disable-swap')
      ? { ends: 'already-done', seconds: 0.1 }
      : id === 'init-cluster@master'
        ? { seconds: seconds * 1.25 }
        : id === 'join-edge@edge-2'
          ? { ends: failure }
          : id.startsWith('create-vms')
            ? { seconds: seconds - 3 }
            : undefined,
  ).filter(({ id }) => !id.endsWith('@edge-1')),
  { run: 'r-0010', start: '2026-01-06T10:00:00.000Z' },
)
test.each(formats)('report-compared as %s', (format) => {
  const against = foldRun(okRun)
  return expectGolden(
    `report-compared.${extensions[format]}`,
    report(foldRun(slowerRun), factsOf(reference), format, { against }),
  )
})

test('json is one object a line and keeps all that a terminal would obey escaped', async () => {
  let text = ''
  const reporter = jsonReporter((line) => {
    text += line
  })
  const events = failedRun.map((event) =>
    event.type === 'task-output' ? { ...event, text: 'a\u009b31m\u007f\u202eb' } : event,
  )
  for (const event of events) reporter(event)
  const lines = text.trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(events)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  await expectGolden('json-failed.jsonl', text)
})
