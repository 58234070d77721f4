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
  const last: (() => Promise<void>)[] = []
  let signals = 0
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      signals++
      if (signals === 1) stop.abort()
      // To end what runs on nodes takes a moment; a third signal does not wait for it.
      else if (signals > 2) process.exit(130)
      else void Promise.race([Promise.all(last.map((end) => end())), Bun.sleep(1000)]).then(() => process.exit(130))
    })
  }
  // A terminal that closes may send several of these, and none of them is somebody's impatience.
  process.on('SIGHUP', () => {
    signals = Math.max(1, signals)
    stop.abort()
  })
  // A reader that went away (`kedge … | head`), or a terminal, is no error of ours.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stop.abort())
  // Characters that a reader may leave lying before those who write for it wait.
  const muchUnread = 1024 * 1024
  let unread = 0
  let drained: PromiseWithResolvers<void> | undefined
  const writer = (stream: NodeJS.WriteStream) => (text: string) => {
    unread += text.length
    stream.write(text, () => {
      unread -= text.length
      if (unread > muchUnread / 4) return
      drained?.resolve()
      drained = undefined
    })
  }
  return {
    write: writer(process.stdout),
    error: writer(process.stderr),
    backlog() {
      if (unread > muchUnread) drained ??= Promise.withResolvers()
      return drained?.promise
    },
    cwd: process.cwd(),
    env: process.env,
    isTty: process.stderr.isTTY === true,
    errorStream: process.stderr,
    input: process.stdin,
    signal: stop.signal,
    atOnce: (callback: () => Promise<void>) => void last.push(callback),
    execPath: process.execPath,
  }
}
