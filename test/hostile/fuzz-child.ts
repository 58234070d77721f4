import { writeSync } from 'node:fs'
import { judges } from './judge.ts'

// Judges the inputs of seeds from `from` on, below `to`: before each a line `begin <seed>`, after it `end <report>`.
const [kind = '', folder = '', from, to] = process.argv.slice(2)
const judge = await judges[kind as keyof typeof judges](folder)

function tell(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at)
    } catch (error) {
      // The pipe is full for a moment.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Bun.sleepSync(1)
    }
  }
}

const cpuMilliseconds = () => {
  // This thread's alone; the types know it only of newer versions.
  const { user, system } = (process as unknown as { threadCpuUsage(): NodeJS.CpuUsage }).threadCpuUsage()
  return (user + system) / 1000
}

for (let seed = Number(from); seed < Number(to); seed++) {
  tell(`begin ${seed}`)
  const before = cpuMilliseconds()
  const verdict = await judge(seed)
  tell(`end ${JSON.stringify({ seed, ...verdict, milliseconds: cpuMilliseconds() - before })}`)
}
