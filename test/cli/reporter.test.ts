import { expect, test } from 'bun:test'
import type { Terminal } from '../../lib/cli/command.ts'
import { chooseReporter, type Display } from '../../lib/cli/reporter.ts'
import type { Event } from '../../lib/event/event.ts'
import { simulateRun } from '../report/simulated-run.ts'

const message = '“größer” – 日本'
const events = simulateRun([
  { id: 'send-model@hypervisor', phase: 'p', waitsFor: [], seconds: 1, ends: { kind: 'refused', message } },
  {
    id: 'fetch-model@hypervisor',
    phase: 'p',
    waitsFor: [],
    seconds: 1,
    output: ['fetch', 'größer als “vorher” – 日本'],
  },
])

type Place = Partial<Pick<Terminal, 'isTty' | 'isOutputTty'>> & { readonly env?: Terminal['env'] }
const inTerminal = { TERM: 'xterm', LANG: 'C.UTF-8' }

/** What a run writes, by how it is written. */
function written({ isTty = true, isOutputTty = true, env = inTerminal }: Place, options: Partial<Display> = {}) {
  const out = { stdout: '', lines: '', drawn: '' }
  const into = (key: keyof typeof out) => (text: string) => {
    out[key] += text
  }
  const terminal = {
    isTty,
    isOutputTty,
    env,
    signal: new AbortController().signal,
    write: into('stdout'),
    error: into('lines'),
    errorStream: { columns: 100, rows: 24, write: into('drawn') },
  } as unknown as Terminal
  const reporter = chooseReporter(terminal, { color: 'auto', ...options })
  for (const event of events as readonly Event[]) reporter(event)
  return out
}
const isLive = (place: Place, options?: Partial<Display>) => written(place, options).drawn !== ''

test('a terminal gets the live display, and nothing else does', () => {
  expect(isLive({})).toBe(true)
  expect(isLive({ isTty: false })).toBe(false)
  expect(isLive({ isOutputTty: false })).toBe(false)
  expect(isLive({ env: { ...inTerminal, TERM: 'dumb' } })).toBe(false)
  expect(isLive({ env: { LANG: 'C.UTF-8' } })).toBe(false)
  expect(isLive({ env: { ...inTerminal, CI: 'true' } })).toBe(false)
  expect(isLive({ env: { ...inTerminal, CI: 'false' } })).toBe(true)
  expect(isLive({}, { quiet: true })).toBe(false)
  expect(isLive({}, { verbose: true })).toBe(false)
  expect(isLive({}, { json: true })).toBe(false)
})

test('where it is not drawn it is lines, with the time in CI', () => {
  const plain = written({ isTty: false, isOutputTty: false, env: {} }).lines
  expect(plain).toMatch(/^ {3}0:00 {2}0\/2 {2}paper: run/)
  const inCi = written({ isTty: false, isOutputTty: false, env: { CI: '1' } }).lines
  for (const line of inCi.trimEnd().split('\n')) expect(line).toMatch(/^2026-01-05T10:00:0\d\.\d{3}Z /)
  for (const text of [plain, inCi]) expect(text).not.toContain('\u001b')
})

test('NO_COLOR takes the colour and leaves the drawing', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: how colours are written
  const colours = /\u001b\[[0-9;]*m/
  expect(written({}).drawn).toMatch(colours)
  const { drawn } = written({ env: { ...inTerminal, NO_COLOR: '1' } })
  expect(drawn).not.toBe('')
  expect(drawn).not.toMatch(colours)
})

test.each([
  ['LC_ALL before the others', { LC_ALL: 'C', LC_CTYPE: 'en_GB.UTF-8', LANG: 'en_GB.UTF-8' }],
  ['LC_CTYPE before LANG', { LC_CTYPE: 'POSIX', LANG: 'en_GB.UTF-8' }],
  ['nothing at all', {}],
])('a terminal without UTF-8 is sent ASCII alone, also of what nodes say: %s', (_, env) => {
  expect(written({ env: { TERM: 'xterm', ...env } }).drawn).not.toMatch(/[\u0080-\u{10ffff}]/u)
  expect(written({ env: { TERM: 'xterm', ...env } }).drawn).toContain('failed: "gr??er" - ??')
  const { lines } = written({ env: { TERM: 'xterm', ...env } }, { verbose: true })
  expect(lines).toContain('gr??er als "vorher" - ??')
})

test('lines say that it is stopping, once and only while it runs', () => {
  let lines = ''
  const stop = new AbortController()
  const error = (text: string) => {
    lines += text
  }
  const terminal = { isTty: false, env: {}, signal: stop.signal, error } as unknown as Terminal
  const reporter = chooseReporter(terminal, { color: 'never' })
  for (const event of events.slice(0, 3)) reporter(event)
  stop.abort()
  expect(lines.split('stopping: ')).toHaveLength(2)
  const late = new AbortController()
  const after = chooseReporter({ ...terminal, signal: late.signal }, { color: 'never' })
  for (const event of events) after(event)
  late.abort()
  expect(lines.split('stopping: ')).toHaveLength(2)
})

test('a pipe gets what was printed, whatever the locale', () => {
  expect(written({ isTty: false, env: { LANG: 'C' } }, { verbose: true }).lines).toContain('größer als “vorher” – 日本')
})

test('how long it takes is asked for only where it is shown', () => {
  const forecast = () => {
    throw new Error('asked')
  }
  written({}, { json: true, forecast })
  written({}, { quiet: true, forecast })
  expect(() => written({}, { forecast })).toThrow('asked')
})
