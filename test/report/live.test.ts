import { describe, expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { liveReporter } from '../../lib/report/live.ts'
import { manualTimer } from './manual-timer.ts'
import { changed, lab, unreachable } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const start = Date.parse('2026-01-05T10:00:00.000Z')
const run = simulateRun(lab(2))

function watched(columns = 80, rows = 24) {
  const writes: string[] = []
  const timer = manualTimer()
  const clock = { now: start }
  const stream = { columns, rows, write: (text: string) => writes.push(text) }
  const reporter = liveReporter(stream, { color: false, now: () => clock.now, every: timer.every })
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
