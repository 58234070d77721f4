import { expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { widthOf } from '../../lib/report/fit.ts'
import { liveFrame } from '../../lib/report/live-frame.ts'
import { advance, newProgress } from '../../lib/report/progress.ts'
import { style } from '../../lib/report/style.ts'
import { expectGolden } from './expect-golden.ts'
import { changed, lab, unreachable } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const start = '2026-01-05T10:00:00.000Z'

function frameAfter(seconds: number, events: readonly Event[], columns: number, rows: number, unicode = true) {
  const nowMilliseconds = Date.parse(start) + seconds * 1000
  const progress = newProgress()
  for (const event of events) if (Date.parse(event.at) <= nowMilliseconds) advance(progress, event)
  return liveFrame(progress, {
    nowMilliseconds,
    columns,
    rows,
    unicode,
    paint: style(false),
    forecast: undefined,
    isStopping: false,
  })
}

const spoken = changed(lab(200), ({ id }) => ({
  output: [`${id} begins`, `pulling \u001b[1m日本語\u001b[0m layer 1f2e3d4c5b6a, ${'a long line '.repeat(20)}`],
}))
const busy = simulateRun(spoken)
const failing = simulateRun(
  changed(lab(8), ({ id }) => (/install-runtime@edge-[2468]/.test(id) ? { ends: unreachable('10.0.0.9') } : undefined)),
)
const sizes = [
  [80, 24],
  [40, 10],
  [160, 12],
  [20, 3],
  [7, 1],
] as const

for (const [columns, rows] of sizes) {
  const cases: [string, readonly string[]][] = [
    [`live-busy-${columns}x${rows}.txt`, frameAfter(38, busy, columns, rows)],
    [`live-failing-${columns}x${rows}.txt`, frameAfter(60, failing, columns, rows)],
  ]
  test.each(cases)('%s', async (name, lines) => {
    expect(lines.length).toBeLessThanOrEqual(rows)
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns)
    await expectGolden(name, `${lines.join('\n')}\n`)
  })
}

test('without Unicode every sign is ASCII', async () => {
  expect(frameAfter(38, busy, 80, 24, false).join('\n')).toMatch(/^[\n -~]*$/)
  const lines = frameAfter(60, failing, 60, 6, false)
  expect(lines.join('\n')).toMatch(/^[\n -~]*$/)
  await expectGolden('live-failing-ascii.txt', `${lines.join('\n')}\n`)
})
