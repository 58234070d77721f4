import { Readable, Writable } from 'node:stream'
import { TaskError } from '../../event/failure.ts'
import { createChild } from '../../host/child.ts'
import { isSecret, type Secret } from '../../host/secret.ts'
import type { Spawn } from '../../host/shell.ts'
import { type Machine, type ToTask, windowBytes } from '../protocol.ts'
import type { Link } from './link.ts'

let commands = 0

/** Commands that kedge runs where it has the connection: zx's `$` gets a child whose bytes go through the link. */
export const relayedSpawn =
  (link: Link, machine: Machine): Spawn =>
  ({ script, shown, secrets, cwd, env, signals }) => {
    const command = ++commands
    const release = link.hold()
    let unsent = 0
    let goOn: (() => void) | undefined
    const stdin = new Writable({
      highWaterMark: 64 * 1024,
      write(chunk: Buffer, _encoding, next) {
        link.send({ type: 'input', command, data: chunk })
        unsent += chunk.length
        if (unsent > windowBytes) goOn = next
        else next()
      },
      final(next) {
        link.send({ type: 'input-end', command })
        next()
      },
    })
    const control = createChild({
      stdin,
      signals,
      signalGroup: (signal) => link.send({ type: 'kill', command, signal }),
    })
    const sources = { stdout: source('stdout'), stderr: source('stderr') }
    control.stdout.attach(sources.stdout)
    control.stderr.attach(sources.stderr)

    function source(stream: 'stdout' | 'stderr') {
      let unread = 0
      const readable = new Readable({
        highWaterMark: 64 * 1024,
        read() {
          if (unread > 0) link.send({ type: 'taken', command, stream, bytes: unread })
          unread = 0
        },
      })
      return Object.assign(readable, {
        take(data: Uint8Array) {
          unread += data.length
          readable.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
        },
      })
    }

    const stopListening = link.listen((message: ToTask) => {
      if (!('command' in message) || message.command !== command) return
      switch (message.type) {
        case 'bytes':
          return sources[message.stream].take(message.data)
        case 'closed':
          return void sources[message.stream].push(null)
        case 'lost':
          return control.fail(new TaskError(message.failure))
        case 'taken': {
          unsent -= message.bytes
          const next = unsent < windowBytes / 2 ? goOn : undefined
          if (next) goOn = undefined
          return next?.()
        }
        case 'exit':
          for (const each of Object.values(sources)) if (!each.readableEnded) each.push(null)
          return control.exit(message.code, message.signal as NodeJS.Signals | null)
      }
    })
    control.child.once('close', () => {
      stopListening()
      release()
    })
    link.send({
      type: 'spawn',
      command,
      machine,
      script,
      shown,
      secrets: secrets.map(({ id }: Secret) => id),
      ...(cwd === undefined ? {} : { cwd }),
      env,
    })
    return control.child
  }

/** What stands for a secret on the way: its value has gone before it. */
export const numbered = <T>(content: T): Exclude<T, Secret> | { readonly secret: number } =>
  isSecret(content) ? { secret: content.id } : (content as Exclude<T, Secret>)
