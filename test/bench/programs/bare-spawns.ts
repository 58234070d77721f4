// So many commands that do nothing, `bun bare-spawns.ts COUNT`, four at a time: what a runner in this runtime cannot go below.
import { spawn } from 'node:child_process'

let left = Number(process.argv[2])
await Promise.all(
  Array.from({ length: 4 }, async () => {
    while (left-- > 0) {
      const child = spawn('bash', ['--noprofile', '--norc', '-c', 'true'], { detached: true, stdio: 'pipe' })
      child.stdout.resume()
      child.stderr.resume()
      await new Promise((resolve) => child.once('close', resolve))
    }
  }),
)
