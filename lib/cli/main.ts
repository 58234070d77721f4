import { kedgeCommit, kedgeVersion } from './version.ts'

// Everything else is imported only when it is needed: what a command does not use costs it no start-up time.
const words = process.argv.slice(2)
if (words.length === 1 && (words[0] === 'version' || words[0] === '--version')) {
  // Not process.stdout: to set that stream up takes several times as long as all the rest.
  console.log(`kedge ${kedgeVersion} (${kedgeCommit})`)
} else if (words[0] === '__own-task') {
  await import('../own-task/child/main.ts')
} else {
  const { runProgram } = await import('./program.ts')
  const streams = terminal()
  process.exitCode = await runProgram(words, streams)
  await streams.flushed()
  // What a task left behind (a timer, an open connection) must not keep a finished kedge alive.
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
  // Characters that a reader may leave lying before those who write for it wait.
  const muchUnread = 1024 * 1024
  let unread = 0
  let drained: PromiseWithResolvers<void> | undefined
  let flushed: PromiseWithResolvers<void> | undefined
  let isGone = false
  const tellWaiting = () => {
    if (unread <= muchUnread / 4 || isGone) drained = void drained?.resolve()
    if (unread === 0 || isGone) flushed = void flushed?.resolve()
  }
  // A reader that went away (`kedge … | head`), or a terminal, is no error of ours.
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', () => {
      isGone = true
      stop.abort()
      tellWaiting()
    })
  const writer = (stream: NodeJS.WriteStream) => (text: string) => {
    unread += text.length
    stream.write(text, () => {
      unread -= text.length
      tellWaiting()
    })
  }
  return {
    write: writer(process.stdout),
    error: writer(process.stderr),
    backlog() {
      if (unread > muchUnread && !isGone) drained ??= Promise.withResolvers()
      return drained?.promise
    },
    /** All that was written has been read; whoever interrupts kedge need not wait for a reader that does not read. */
    async flushed() {
      if (unread === 0 || isGone) return
      flushed = Promise.withResolvers()
      const giveUp = () => void setTimeout(() => flushed?.resolve(), 2000)
      if (stop.signal.aborted) giveUp()
      else stop.signal.addEventListener('abort', giveUp)
      await flushed.promise
    },
    cwd: process.cwd(),
    env: process.env,
    isTty: process.stderr.isTTY === true,
    ...(process.stdout.columns ? { columns: process.stdout.columns } : {}),
    isOutputTty: process.stdout.isTTY === true,
    errorStream: process.stderr,
    input: process.stdin,
    signal: stop.signal,
    atOnce: (callback: () => Promise<void>) => void last.push(callback),
    atResume: (callback: () => void) => void process.on('SIGCONT', callback),
    execPath: process.execPath,
  }
}
