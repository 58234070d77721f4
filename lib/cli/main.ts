import { kedgeCommit, kedgeVersion } from './version.ts'

// Everything else is imported only when it is needed: what a command does not use costs it no start-up time.
const words = process.argv.slice(2)
if (words.length === 1 && (words[0] === 'version' || words[0] === '--version')) {
  // Not process.stdout: to set that stream up takes several times as long as all the rest.
  console.log(`kedge ${kedgeVersion} (${kedgeCommit})`)
} else {
  const { runProgram } = await import('./program.ts')
  process.exitCode = await runProgram(words, terminal())
  // What a task left behind (a timer, an open connection) must not keep a finished kedge alive.
  const drained = (stream: NodeJS.WriteStream) => new Promise<void>((resolve) => stream.write('', () => resolve()))
  await Promise.all([drained(process.stdout), drained(process.stderr)])
  process.exit()
}

function terminal() {
  const stop = new AbortController()
  const last: (() => void)[] = []
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) {
        for (const callback of last) callback()
        process.exit(130)
      }
      stop.abort()
    })
  }
  // A reader that went away (`kedge … | head`) is no error of ours.
  process.stdout.on('error', () => stop.abort())
  return {
    write: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
    cwd: process.cwd(),
    env: process.env,
    isTty: process.stderr.isTTY === true,
    errorStream: process.stderr,
    input: process.stdin,
    signal: stop.signal,
    atOnce: (callback: () => void) => void last.push(callback),
    execPath: process.execPath,
  }
}
