import { readFileSync } from 'node:fs'
import type { Verdict } from './judge.ts'

export type Judged = Verdict & {
  readonly seed: number
  /** What the input cost the child's processor time, whatever else the machine does. */
  readonly milliseconds: number
}

/** Generous: a hang never ends. In seconds of the child's processor time, and by the clock for a child that waits. */
type Patience = { readonly cpuSeconds: number; readonly seconds: number }

/**
 * Has children judge the inputs of all seeds from `from` on, below `to`. Each prints `begin <seed>` and `end <report>`; one
 * that dies or hangs at an input is named in that input's report, and a fresh one goes on behind it.
 */
export async function judgeAll(
  command: (from: number, to: number) => readonly string[],
  from: number,
  to: number,
  patience: Patience = { cpuSeconds: 20, seconds: 300 },
): Promise<readonly Judged[]> {
  const judged: Judged[] = []
  for (let next = from; next < to; ) {
    const stopped = await watchOne(command(next, to), patience, (report) => judged.push(report))
    if (!stopped) break
    judged.push({ seed: stopped.seed, exitCode: -1, complaints: [stopped.why], milliseconds: 0 })
    next = stopped.seed + 1
  }
  return judged
}

async function watchOne(
  command: readonly string[],
  patience: Patience,
  take: (report: Judged) => void,
): Promise<{ readonly seed: number; readonly why: string } | undefined> {
  const child = Bun.spawn([...command], { stdout: 'pipe', stderr: 'pipe', stdin: 'ignore' })
  let seed: number | undefined
  let why: string | undefined
  let began = { cpu: 0, clock: performance.now() }
  const timer = setInterval(() => {
    const cpu = cpuSecondsOf(child.pid) - began.cpu
    const clock = (performance.now() - began.clock) / 1000
    if (cpu <= patience.cpuSeconds && clock <= patience.seconds) return
    why = `hangs: ${cpu.toFixed(1)} s of processor time, ${clock.toFixed(1)} s by the clock`
    child.kill('SIGKILL')
  }, 200)
  try {
    const errors = new Response(child.stderr).text()
    for await (const line of linesOf(child.stdout)) {
      const [word, rest = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
      if (word === 'begin') {
        seed = Number(rest)
        began = { cpu: cpuSecondsOf(child.pid), clock: performance.now() }
      } else if (word === 'end') {
        seed = undefined
        take(JSON.parse(rest) as Judged)
      }
    }
    const exitCode = await child.exited
    if (exitCode === 0) return undefined
    why ??= `the child died with ${child.signalCode ?? exitCode}: ${(await errors).slice(-500)}`
    // Not an input's doing, and the next child would do no better.
    if (seed === undefined) throw new Error(why)
    return { seed, why }
  } finally {
    clearInterval(timer)
    child.kill('SIGKILL')
    await child.exited
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

/** All threads of the process together; 0 where it has ended. */
function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}
