import { expect, test } from 'bun:test'
import type { Event, EventBody, InstanceFields, SkipReason } from '../../lib/event/event.ts'
import type { Failure } from '../../lib/event/failure.ts'
import { widthOf } from '../../lib/report/fit.ts'
import { foldRuns } from '../../lib/report/fold-run.ts'
import { jsonReporter } from '../../lib/report/json.ts'
import { liveReporter } from '../../lib/report/live.ts'
import { mergeRuns } from '../../lib/report/merge-runs.ts'
import { plainReporter } from '../../lib/report/plain.ts'
import { type ReportFormat, report, reportFormats } from '../../lib/report/report.ts'
import { summary } from '../../lib/report/summary.ts'
import { manualTimer } from './manual-timer.ts'
import { fakeScreen } from './screen.ts'

/** mulberry32: the same sequence for the same seed, so that a failure can be looked at again. */
function random(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item
  return { below, pick }
}

const pieces = [
  'plain words ',
  'a-very-long-word-without-any-space-in-it-that-goes-on-and-on',
  '日本語テスト',
  '👩‍👩‍👧🇩🇪👍🏽',
  'e\u0301\u0301\u0301',
  '\u001b[31mred',
  '\u001b[2J\u001b[H',
  '\u001b]0;title\u0007',
  '\u001b]8;;unfinished',
  '\u009b31m\u0085',
  '\r50%\r',
  '\t',
  '\u0000\u0007\b\u007f',
  '\u202e\u2066',
  '\ud800',
  '\n',
  '',
]

function randomEvents(seed: number): Event[] {
  const { below, pick } = random(seed)
  const text = () => Array.from({ length: below(8) }, () => pick(pieces)).join('')
  const failure = (): Failure => ({
    kind: pick(['unreachable', 'command', 'timeout', 'still-pending', 'refused', 'bundle', 'bug'] as const),
    message: text(),
    ...(below(2) ? { command: text(), exitCode: below(256) } : {}),
    ...(below(4) ? {} : { signal: 'SIGKILL' }),
    ...(below(2) ? { lastLines: Array.from({ length: below(30) }, text) } : {}),
    ...(below(2) ? { cause: text(), cure: text() } : {}),
  })
  const instance = (): InstanceFields => {
    const task = pick(['a', 'join-edge', 'a-task-with-quite-a-long-name'])
    const node = pick(['master', `edge-${below(30)}`, 'エッジ', 'a-node-with-a-name-as-long-as-a-name-may-be'])
    return {
      id: `${task}@${node}`,
      task,
      node,
      phase: pick(['configuration', 'installation', 'verification', 'other']),
    }
  }
  const body = (): EventBody => {
    const seconds = below(10_000) / 100
    const skip = pick<SkipReason>(['already-done', 'dependency-failed', 'interrupted', 'not-selected'])
    return pick<() => EventBody>([
      () => ({ type: 'task-checking', ...instance() }),
      () => ({ type: 'task-started', ...instance(), why: text(), attempt: 1 + below(3) }),
      () => ({ type: 'task-started', ...instance(), why: text(), attempt: 1 }),
      () => ({
        type: 'task-output',
        ...instance(),
        stream: pick(['command', 'stdout', 'stderr', 'note']),
        text: text(),
      }),
      () => ({ type: 'task-retrying', ...instance(), attempt: 2, inSeconds: below(60), failure: failure() }),
      () => ({ type: 'task-finished', ...instance(), seconds }),
      () => ({
        type: 'task-skipped',
        ...instance(),
        because: skip,
        seconds,
        ...(below(2) ? { cause: instance().id } : {}),
      }),
      () => ({ type: 'task-pending', ...instance(), why: text(), seconds }),
      () => ({ type: 'task-failed', ...instance(), seconds, failure: failure() }),
      () =>
        below(10) === 0
          ? {
              type: 'run-started',
              lab: text(),
              kedge: '0.1.0',
              instances: below(99),
              jobs: 4,
              seed,
              dryRun: below(2) === 0,
            }
          : { type: 'task-checking', ...instance() },
      () =>
        below(10) === 0
          ? {
              type: 'run-finished',
              result: pick(['ok', 'failed', 'interrupted']),
              seconds,
              finished: 1,
              alreadyDone: 1,
              failed: 1,
              heldBack: 1,
            }
          : { type: 'task-checking', ...instance() },
    ])()
  }
  let now = Date.parse('2026-01-05T10:00:00.000Z')
  return Array.from({ length: 1 + below(150) }, () => {
    now += below(3000)
    return { at: new Date(now).toISOString(), run: pick(['r-1', 'r-1', 'r-1', 'r-2']), ...body() }
  })
}

/** What live output may send: cursor up and to the start, erasing, hiding the cursor, synchronised drawing, colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that kedge writes itself
const own = /\u001b\[(\?7[lh]|\?25[lh]|\?2026[lh]|\d*[ABGKJ]|\d*(;\d+)*m)|\r/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be left once those are taken away
const foreign = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
/** Something for each event of which a line stays on the screen. */
const keptSign = ({ type }: Event): readonly string[] =>
  ['task-finished', 'task-failed', 'task-retrying', 'task-pending'].includes(type) ? [type] : []
const widest = (text: string) => Math.max(...text.split('\n').map(widthOf))

test.each(Array.from({ length: 60 }, (_, seed) => [seed]))(
  'seed %d: nothing throws, nothing is too wide or foreign',
  (seed) => {
    const { below, pick } = random(seed + 1_000_000)
    const events = randomEvents(seed)
    const columns = pick([1, 2, 7, 20, 40, 80, 200])
    const rows = pick([1, 2, 5, 10, 24])
    const writes: string[] = []
    const timer = manualTimer()
    const clock = { now: 0 }
    const screen = fakeScreen(columns, rows)
    const stream = {
      columns,
      rows,
      write(text: string) {
        writes.push(text)
        screen.write(text)
      },
    }
    const live = liveReporter(stream, {
      color: seed % 2 === 0,
      unicode: seed % 3 > 0,
      now: () => clock.now,
      every: timer.every,
    })
    const texts: string[] = []
    const plain = plainReporter((line) => texts.push(line), { verbose: seed % 2 === 0, color: seed % 3 === 0 })
    const json: string[] = []
    const toJson = jsonReporter((line) => json.push(line))

    for (const event of events) {
      clock.now = Date.parse(event.at)
      live(event)
      plain(event)
      toJson(event)
      if (below(5) === 0) timer.tick()
    }
    live.close()

    expect(json.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(events)))
    for (const drawing of writes) {
      expect(drawing.replace(own, '')).not.toMatch(foreign)
    }
    // What stays is what ended, each once and in its order; of the many frames nothing is left.
    if (columns > 2 && rows > 1) {
      const stays = events.flatMap((event) => (event.type === 'run-started' ? ['run', 'time'] : keptSign(event)))
      const signs = seed % 3 > 0 ? /^[✔✖↻·]/ : /^[+x~-]/
      expect(screen.lines()).toHaveLength(stays.length)
      for (const line of screen.lines()) expect(line).toMatch(signs)
    }
    for (const line of texts) {
      expect(line.replace(own, '').replace(/\n$/, '')).not.toMatch(foreign)
      expect(line.indexOf('\n')).toBe(line.length - 1)
    }

    const runs = foldRuns(events)
    const facts = { waits: new Map(), roles: new Map([['master', 'control-plane']]), steps: new Map([['a', 1]]) }
    for (const record of [...runs, ...[mergeRuns(runs)].filter((merged) => merged !== undefined)]) {
      const text = summary(record, { width: 60 }).replace(own, '')
      expect(text).not.toMatch(foreign)
      // What is there to be copied is never broken.
      const broken = text.split('\n').filter((line) => !line.includes('kedge '))
      expect(widest(broken.join('\n'))).toBeLessThanOrEqual(60)
      for (const format of Object.keys(reportFormats) as ReportFormat[]) {
        expect(report(record, facts, format)).not.toMatch(foreign)
      }
    }
  },
)
