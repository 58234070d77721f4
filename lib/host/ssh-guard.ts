import type { Client, ClientChannel } from 'ssh2'
import { dismissal, endOfCommand, guardScript, sweptLine } from './guard.ts'

/** What ends the commands of one connection when that is lost; it holds one session. That it cannot run is nobody's failure. */
export type SshGuard = {
  /** Settles when nothing of earlier connections runs on the machine any more, or nobody can tell. */
  readonly ready: Promise<void>
  /** A command has ended; what it left in its process group is a service. */
  tell(group: number): void
  /** When no command runs any more: it ends, and ends nothing else. */
  dismiss(): void
}

/**
 * Asked for before the first command, so that sshd has the guard's script before that of any command. `leftovers` are marks of
 * what may still run there; those that are dealt with are taken out.
 */
export function startSshGuard(client: Client, line: string, mark: string, leftovers: Set<string>): SshGuard {
  const before = [...leftovers]
  const ready = Promise.withResolvers<void>()
  if (before.length === 0) ready.resolve()
  let dismissed = false
  let channel: ClientChannel | undefined
  client.once('close', () => ready.resolve())
  client.exec(line, (error, opened) => {
    if (error) return ready.resolve()
    channel = opened
    let said = ''
    opened.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('latin1')).slice(-1000)
      if (!said.includes(`${mark}${sweptLine}`)) return
      for (const each of before) leftovers.delete(each)
      ready.resolve()
    })
    opened.stderr.resume()
    opened.on('error', () => {})
    opened.once('close', () => ready.resolve())
    opened.write(`${guardScript(mark, before)}\0`)
    if (dismissed) opened.end(dismissal)
  })
  return {
    ready: ready.promise,
    tell(group) {
      if (!dismissed) channel?.write(endOfCommand(group))
    },
    dismiss() {
      dismissed = true
      channel?.end(dismissal)
    },
  }
}
