import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InstanceId } from '../../lib/event/event.ts'
import { logExcerpts } from '../../lib/event/log-excerpts.ts'
import { logFiles } from '../../lib/event/log-files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-excerpts-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`)
function write(id: string, lines: readonly string[], part = ''): void {
  mkdirSync(join(folder, 'runs/r'), { recursive: true })
  writeFileSync(join(folder, 'runs/r', `${id}.log${part}`), `${lines.join('\n')}\n`)
}
const excerpts = (ids: readonly InstanceId[], logBytes = 1000, totalBytes = 100_000) =>
  logExcerpts(
    folder,
    ids.map((id) => ({ id, run: 'r' })),
    { logBytes, totalBytes },
  )

describe('logExcerpts', () => {
  test('a short log is whole', () => {
    write('a@n', ['one', 'two'])
    expect(excerpts(['a@n', 'b@n']).get('a@n')).toEqual({
      path: join(folder, 'runs/r/a@n.log'),
      bytes: 8,
      head: ['one', 'two'],
    })
    expect(excerpts(['b@n']).size).toBe(0)
  })

  test('of a long one the first and the last whole lines are kept', () => {
    const lines = numbered(2000)
    write('a@n', lines)
    const { head = [], tail = [], bytes } = excerpts(['a@n']).get('a@n') ?? {}
    expect(bytes).toBe(lines.join('\n').length + 1)
    expect(head[0]).toBe('line 0')
    expect(tail.at(-1)).toBe('line 1999')
    expect(lines).toEqual(expect.arrayContaining([...head, ...tail]))
    const kept = [...head, ...tail].join('\n').length
    expect(kept).toBeLessThan(1000)
    expect(kept).toBeGreaterThan(950)
  })

  test('many together keep within bounds, and the short ones stay whole', () => {
    write('short@n', ['short'])
    const long = Array.from({ length: 20 }, (_, index): InstanceId => `long-${index}@n`)
    for (const id of long) write(id, numbered(500))
    const found = excerpts(['short@n', ...long], 10_000, 20_000)
    expect(found.get('short@n')?.tail).toBeUndefined()
    const sizes = [...found.values()].map(({ head, tail = [] }) => [...head, ...tail].join('\n').length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(20_000)
    expect(Math.min(...sizes.slice(1))).toBeGreaterThan(900)
  })

  test('what logs leave out of the middle is left out here, and the last lines go over the parts', () => {
    const report = logFiles(folder, { headBytes: 3000, partBytes: 400 })
    const fields = { id: 'a@n', task: 'a', node: 'n', phase: 'installation' } as const
    const event = { at: '2026-01-05T10:00:00.000Z', run: 'r', ...fields }
    for (const text of numbered(1000)) report({ ...event, type: 'task-output', stream: 'stdout', text })
    const { head = [], tail = [] } = excerpts(['a@n'], 800).get('a@n') ?? {}
    expect(head[0]).toEndWith('line 0')
    const numbers = tail.map((line) => Number(line.split('line ')[1]))
    expect(numbers.at(-1)).toBe(999)
    expect(numbers).toEqual(numbers.map((_, index) => 999 - numbers.length + 1 + index))
    expect(tail.length).toBeGreaterThan(12)
  })

  test('what is no UTF-8, or has no line break, is still text', () => {
    mkdirSync(join(folder, 'runs/r'), { recursive: true })
    writeFileSync(join(folder, 'runs/r/a@n.log'), Buffer.from([0xff, 0x61, 0x0a, 0xc3]))
    writeFileSync(join(folder, 'runs/r/b@n.log'), 'x'.repeat(5000))
    writeFileSync(join(folder, 'runs/r/c@n.log'), '')
    const found = excerpts(['a@n', 'b@n', 'c@n'])
    expect(found.get('a@n')?.head).toEqual(['\ufffda', '\ufffd'])
    expect(found.get('b@n')?.head.join('').length).toBe(250)
    expect(found.get('b@n')?.tail?.join('').length).toBe(750)
    expect(found.get('c@n')?.head).toEqual([''])
  })
})
