import { describe, expect, test } from 'bun:test'
import type { InstanceRecord, RunRecord } from '../../../lib/report/fold-run.ts'
import { placeGraph } from '../../../lib/report/html/place-graph.ts'
import { rowsOf } from '../../../lib/report/html/rows.ts'
import { timeAxis } from '../../../lib/report/html/time-axis.ts'
import { waitingOf } from '../../../lib/report/html/waiting.ts'

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 5) + seconds * 1000).toISOString()
const ran = (id: `${string}@${string}`, from: number, to: number, run = 'r'): InstanceRecord => ({
  id,
  task: id.split('@')[0] ?? '',
  node: id.split('@')[1] ?? '',
  phase: 'configuration',
  run,
  state: 'finished',
  attempts: 1,
  seconds: to - from,
  startedAt: at(from),
  finishedAt: at(to),
})
const record = (seconds: number, from = 0): RunRecord => ({
  id: 'r',
  lab: 'l',
  kedge: '0',
  startedAt: at(from),
  dryRun: false,
  seconds,
  result: 'ok',
  total: 1,
  instances: [],
})
const ms = (seconds: number) => Date.parse(at(seconds))

describe('timeAxis', () => {
  test('goes from the start of a run to its end', () => {
    const axis = timeAxis(record(100), [ran('a@n', 10, 90)])
    expect([0, 25, 100].map((seconds) => axis.at('r', ms(seconds)))).toEqual([0, 25, 100])
    expect(axis.ticks.map(({ label }) => label)).toEqual([
      '0:00',
      '0:10',
      '0:20',
      '0:30',
      '0:40',
      '0:50',
      '1:00',
      '1:10',
      '1:20',
      '1:30',
      '1:40',
    ])
  })

  test('puts runs that are hours apart side by side, oldest first', () => {
    const axis = timeAxis(record(60, 36_000), [ran('a@n', 100, 140, 'older'), ran('b@n', 36_000, 36_060)])
    expect(axis.stretches.map(({ run, seconds }) => [run, seconds])).toEqual([
      ['older', 40],
      ['r', 60],
    ])
    expect(axis.at('older', ms(100))).toBe(0)
    expect(axis.at('older', ms(140))).toBeCloseTo(39.2)
    expect(axis.at('r', ms(36_000))).toBeCloseTo(41.2)
    expect(axis.at('r', ms(36_060))).toBeCloseTo(100)
  })

  test('of a run without any length, or a moment outside of it, lies within the drawing', () => {
    const axis = timeAxis(record(0), [])
    expect(axis.at('r', ms(5))).toBe(0)
    expect(timeAxis(record(10), []).at('r', ms(50))).toBe(100)
    expect(timeAxis(record(10), []).at('unknown', ms(5))).toBe(0)
  })
})

describe('waitingOf', () => {
  const waits = new Map([['c@n', ['a@n', 'b@m']]])
  test('is ready when its last need has ended', () => {
    const waiting = waitingOf([ran('a@n', 0, 4), ran('b@m', 0, 7), ran('c@n', 9, 10)], waits)
    expect(waiting.get('c@n')).toEqual({ readyAt: ms(7), lastNeed: 'b@m' })
    expect(waiting.get('a@n')).toEqual({ readyAt: ms(0) })
  })

  test('says nothing where a need is shown from another run, or is not known', () => {
    expect(waitingOf([ran('a@n', 0, 4, 'older'), ran('b@m', 0, 7), ran('c@n', 9, 10)], waits).get('c@n')).toEqual({
      readyAt: ms(9),
    })
    expect(waitingOf([ran('c@n', 9, 10)], waits).get('c@n')).toEqual({ readyAt: ms(9) })
  })
})

describe('rowsOf', () => {
  const rows = (instances: InstanceRecord[], waits: Record<string, string[]>) =>
    rowsOf(
      instances,
      ['n', 'm', 'unused'],
      timeAxis(record(100), instances),
      waitingOf(instances, new Map(Object.entries(waits))),
    )

  test('what ran side by side lies in lanes of its own, what came after takes up a free one', () => {
    const [row] = rows([ran('a@n', 0, 50), ran('b@n', 10, 30), ran('c@n', 40, 60), ran('d@n', 50, 70)], {})
    expect(row?.lanes).toBe(2)
    expect(row?.bars.map(({ instance, lane }) => `${instance.task}${lane}`)).toEqual(['a0', 'b1', 'c1', 'd0'])
  })

  test('waiting for a job is drawn before the bar, and takes up room', () => {
    const [row] = rows([ran('a@n', 0, 10), ran('b@n', 10, 40), ran('c@n', 40, 60)], { 'b@n': ['a@n'], 'c@n': ['a@n'] })
    expect(row?.bars.map(({ instance, lane, queuedFrom }) => [instance.task, lane, queuedFrom])).toEqual([
      ['a', 0, undefined],
      ['b', 0, undefined],
      ['c', 1, 10],
    ])
  })

  test('waiting for another node is a pause until that ends', () => {
    const [row, other] = rows([ran('a@n', 0, 10), ran('b@m', 0, 70), ran('c@n', 70, 90)], { 'c@n': ['a@n', 'b@m'] })
    expect(row?.pauses).toEqual([{ left: 10, width: 60, until: 'b@m' }])
    expect(other?.pauses).toEqual([])
  })

  test('what took no time can still be seen and hit, at the very end as well', () => {
    const [row] = rows([ran('a@n', 100, 100)], {})
    expect(row?.bars[0]?.width).toBeGreaterThan(0.3)
    expect((row?.bars[0]?.left ?? 0) + (row?.bars[0]?.width ?? 0)).toBeLessThanOrEqual(100)
  })
})

describe('placeGraph', () => {
  const node = (id: string, ...waitsFor: string[]) => ({ id, on: [], waitsFor })
  test('puts each below all that it waits for, and no two in one place', () => {
    const nodes = [node('a'), node('b', 'a'), node('c', 'a'), node('d', 'b', 'c'), node('e')]
    const placed = placeGraph({ name: 'g', nodes })
    for (const { id, waitsFor } of nodes) {
      for (const need of waitsFor) expect(placed.get(id)?.line).toBeGreaterThan(placed.get(need)?.line ?? 99)
    }
    const places = [...placed.values()].map(({ line, column }) => `${line} ${column}`)
    expect(new Set(places).size).toBe(5)
    expect(Math.min(...[...placed.values()].map(({ column }) => column))).toBeGreaterThanOrEqual(0)
  })

  test('of many that wait for nothing, six stand side by side', () => {
    const nodes = Array.from({ length: 100 }, (_, index) => node(`t${index}`))
    const places = [...placeGraph({ name: 'g', nodes }).values()]
    expect(Math.max(...places.map(({ column }) => column))).toBe(5)
    expect(new Set(places.map(({ line, column }) => `${line} ${column}`)).size).toBe(100)
  })
})
