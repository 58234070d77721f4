import { describe, expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { type LiveOptions, liveReporter } from '../../lib/report/live.ts'
import { redrawable } from '../../lib/report/redraw.ts'
import { manualTimer } from './manual-timer.ts'
import { changed, lab, unreachable } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const start = Date.parse('2026-01-05T10:00:00.000Z')
const run = simulateRun(lab(2))

function watched(columns = 80, rows = 24, options: LiveOptions = {}) {
  const writes: string[] = []
  const timer = manualTimer()
  const clock = { now: start }
  const stream = { columns, rows, write: (text: string) => writes.push(text) }
  const reporter = liveReporter(stream, { ...options, color: false, now: () => clock.now, every: timer.every })
  const play = (events: readonly Event[]) => {
    for (const event of events) {
      clock.now = Date.parse(event.at)
      reporter(event)
    }
  }
  return { writes, timer, clock, stream, reporter, play }
}

describe('drawing', () => {
  test('is one synchronised write that shows the cursor again', () => {
    const { writes, play } = watched()
    play(run)
    expect(writes.length).toBeGreaterThan(5)
    for (const text of writes) {
      expect(text).toStartWith('\u001b[?2026h\u001b[?25l')
      expect(text).toEndWith('\u001b[?25h\u001b[?2026l')
    }
  })

  test('happens at most ten times a second however many events there are', () => {
    const { writes, reporter, clock, timer } = watched()
    const [first, ...others] = simulateRun(lab(200))
    if (!first) throw new Error('no events')
    reporter(first)
    for (const event of others.slice(0, 900)) {
      clock.now += 0.5
      reporter(event)
    }
    expect(writes.length).toBeLessThanOrEqual(5)
    clock.now += 100
    timer.tick()
    expect(writes.at(-1)).toMatch(/paper {2}\d+\/1212 {2}0:00/)
  })

  test('writes nothing when nothing has changed', () => {
    const { writes, play, timer } = watched()
    play(run.slice(0, 4))
    timer.tick()
    const before = writes.length
    timer.tick()
    timer.tick()
    expect(writes.length).toBe(before)
  })

  test('ends with the run: the timer stopped, the frame wiped, every failure in the scrollback', () => {
    const { writes, play, timer } = watched()
    const failing = changed(lab(40), ({ id }) =>
      id.startsWith('install-runtime@edge') ? { ends: unreachable('10.0.0.9') } : undefined,
    )
    play(simulateRun(failing))
    expect(timer.count).toBe(0)
    const text = writes.join('')
    for (let edge = 1; edge <= 40; edge++) expect(text).toMatch(new RegExp(`✖ edge-${edge} +install-runtime +failed`))
    const last = writes.at(-1) ?? ''
    expect(last).not.toContain('running')
    play(simulateRun(failing).slice(-1))
    expect(writes.at(-1)).toBe(last)
  })

  test('says that it is stopping, and how to have it end at once', () => {
    const stop = new AbortController()
    const { writes, play, timer } = watched(80, 24, { stop: stop.signal })
    play(run.slice(0, 8))
    stop.abort()
    timer.tick()
    expect(writes.at(-1)).toContain('stopping  Ctrl-C again ends it at once')
    expect(writes.at(-1)).not.toContain('time left')
  })

  test('of a frame, only the lines that have changed are written', () => {
    const writes: string[] = []
    const screen = redrawable({ columns: 80, rows: 24, write: (text: string) => writes.push(text) })
    screen.draw([], ['header 1', 'same', 'other 1'])
    screen.draw([], ['header 2', 'same', 'other 2'])
    expect(writes[1]).toContain('\u001b[3A\r')
    expect(writes[1]).toContain('header 2\u001b[K\n\nother 2\u001b[K\n')
    screen.draw([], ['header 2', 'same', 'other 2'])
    expect(writes).toHaveLength(2)
    // Lines that stay push the frame down by writing over it: no row is blank in between.
    screen.draw(['what ended'], ['header 3', 'same'])
    expect(writes[2]).toContain('what ended\u001b[K\n\u001b[?7lheader 3\u001b[K\nsame\u001b[K\n\u001b[?7h\u001b[J')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what wipes a whole row
    expect(writes[2]).not.toMatch(/\u001b\[2K/)
  })

  test('waits for the next tick where one comes much too late: it may have been suspended', () => {
    const { writes, play, timer, clock, reporter } = watched()
    play(run.slice(0, 8))
    const before = writes.length
    clock.now += 60_000
    timer.tick(true)
    expect(writes.length).toBe(before)
    reporter.beginAnew()
    timer.tick()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the cursor going up
    expect(writes.at(-1)).not.toMatch(/\u001b\[\d*A/)
  })

  test('can be closed before the run has ended, with what ended meanwhile shown', () => {
    const { writes, play, timer, reporter } = watched()
    play(run.slice(0, 8))
    reporter.close()
    expect(timer.count).toBe(0)
    expect(writes.join('')).toContain('✔ hypervisor  create-networks     done in 1.2 s')
    const before = writes.length
    reporter.close()
    expect(writes.length).toBe(before)
  })
})

test('the default timer does not keep a process alive', async () => {
  const script = `
    const { liveReporter } = await import('./lib/report/live.ts')
    const reporter = liveReporter({ write() {} })
    reporter(${JSON.stringify(run[0])})
    process.stdout.write('begun')`
  const child = Bun.spawn([process.execPath, '-e', script], { cwd: `${import.meta.dir}/../..`, stdout: 'pipe' })
  expect(await new Response(child.stdout).text()).toBe('begun')
  expect(await child.exited).toBe(0)
})

test('nothing is written but to the stream that was given', async () => {
  const script = `
    const { liveReporter } = await import('./lib/report/live.ts')
    const { plainReporter } = await import('./lib/report/plain.ts')
    const events = ${JSON.stringify(run)}
    for (const reporter of [liveReporter({ write() {} }), plainReporter(() => {}, { verbose: true })]) events.forEach(reporter)`
  const child = Bun.spawn([process.execPath, '-e', script], {
    cwd: `${import.meta.dir}/../..`,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  expect(await new Response(child.stdout).text()).toBe('')
  expect(await new Response(child.stderr).text()).toBe('')
})
