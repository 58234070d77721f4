/**
 * Replays a simulated run in the terminal it is started in, on a clock of its own, and stops at given seconds of it:
 *     bun test/report/replay-live.ts SCENARIO CHANNEL SECONDS… [end]
 * At each stop it waits until the terminal has drawn all (it answers where its cursor is), signals tmux's CHANNEL, and
 * goes on at the next key, or draws again when it is resized.
 */
import { liveReporter } from '../../lib/report/live.ts'
import { scenarios } from './live-scenarios.ts'
import { manualTimer } from './manual-timer.ts'

const [scenario = '', channel = '', ...stops] = process.argv.slice(2)
const { events = [], options = {} } = scenarios[scenario] ?? {}
const start = Date.parse(events[0]?.at ?? '')
const timer = manualTimer()
const clock = { now: start }
const reporter = liveReporter(process.stdout, { ...options, now: () => clock.now, every: timer.every })
let remaining = events

process.stdin.setRawMode(true)
process.stdin.setEncoding('utf8')
let answered: (() => void) | undefined
process.stdin.on('data', (keys: string) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's answer
  if (/\u001b\[\d+;\d+R/.test(keys)) answered?.()
  if (keys.includes('n')) next()
})
process.stdout.on('resize', () => {
  timer.tick()
  settled()
})
next()

function next(): void {
  const stop = stops.shift()
  if (stop === undefined) process.exit(0)
  const until = stop === 'end' ? Number.POSITIVE_INFINITY : start + Number(stop) * 1000
  while (remaining[0] && Date.parse(remaining[0].at) <= until) {
    clock.now = Date.parse(remaining[0].at)
    reporter(remaining[0])
    remaining = remaining.slice(1)
  }
  if (stop !== 'end') {
    clock.now = until
    timer.tick()
  }
  settled()
}

function settled(): void {
  answered = () => {
    answered = undefined
    Bun.spawnSync(['tmux', 'wait-for', '-S', channel])
  }
  process.stdout.write('\u001b[6n')
}
