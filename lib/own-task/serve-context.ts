import type { Failure } from '../event/failure.ts'
import type { Child } from '../host/child.ts'
import type { Host } from '../host/host.ts'
import { mask, type Secret, variableOf } from '../host/secret.ts'
import { under } from '../host/shell.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TaskContext } from '../task/task.ts'
import { hypervisorNode } from '../topology/topology.ts'
import { type Call, type FromTask, type Machine, type ToTask, windowBytes } from './protocol.ts'

export type ContextServer = {
  /** False where the message is not for the context. Throws for what makes no sense. */
  take(message: FromTask): boolean
  /** Ends the commands that still run, with the grace that all commands have; resolves when they are gone. */
  endCommands(): Promise<void>
}

type Running = { readonly child: Child; readonly unread: { stdout: number; stderr: number } }

/** Answers what a task in a process of its own asks of its context, through the context that kedge made for the attempt. */
export function serveContext(ctx: TaskContext, send: (message: ToTask) => void): ContextServer {
  const secrets = new Map<number, Secret>()
  const running = new Map<number, Running>()
  const hosts = new Map<string, Host>()

  const hostOf = ({ node: name, afterwards }: Machine): Host => {
    const key = `${afterwards} ${name}`
    const known = hosts.get(key)
    if (known) return known
    const node = [hypervisorNode, ctx.node, ...ctx.topology.nodes].find((each) => each.name === name)
    if (!node) throw new TypeError(`${name} is not a node of this lab`)
    const host = afterwards ? ctx.afterwards(node) : ctx.on(node)
    hosts.set(key, host)
    return host
  }

  const secretOf = (number: number): Secret => {
    const secret = secrets.get(number)
    if (!secret) throw new TypeError('a secret that was not made')
    return secret
  }

  const start = ({ command, machine, script, shown, secrets: named, cwd, env }: FromTask & { type: 'spawn' }) => {
    const { spawn, binding } = under(hostOf(machine).$)
    const folder = cwd ?? binding.cwd
    // Each side counts its secrets for itself, and the script names them by number.
    const renamed = new Map(named.map((number) => [`KEDGE_SECRET_${number}`, variableOf(secretOf(number))]))
    const child = spawn({
      script: script.replace(/"\$(KEDGE_SECRET_\d+)"/g, (all, name) => {
        const variable = renamed.get(name)
        return variable ? `"$${variable}"` : all
      }),
      shown: mask(shown),
      secrets: named.map(secretOf),
      ...(folder === undefined ? {} : { cwd: folder }),
      env: { ...binding.env, ...env },
      signals: [binding.signal],
    })
    const unread = { stdout: 0, stderr: 0 }
    running.set(command, { child, unread })
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].on('data', (data: Buffer) => {
        send({ type: 'bytes', command, stream, data })
        unread[stream] += data.length
        if (unread[stream] > windowBytes) child[stream].pause()
      })
      child[stream].once('end', () => send({ type: 'closed', command, stream }))
    }
    child.once('error', (error) => send({ type: 'lost', command, failure: toFailure(error) }))
    child.once('close', (code: number | null, signal: string | null) => {
      running.delete(command)
      send({ type: 'exit', command, code, signal })
    })
  }

  const answer = async (call: number, host: Host, asked: Call): Promise<unknown> => {
    switch (asked.what) {
      case 'read':
        return await host.read(asked.path)
      case 'write': {
        const { content, mode } = asked
        const isSecret = typeof content === 'object' && 'secret' in content
        const raw = isSecret ? secretOf(content.secret) : content
        return await host.write(asked.path, raw, mode === undefined ? {} : { mode })
      }
      case 'put':
        return await host.put(asked.localPath, asked.path, {
          ...asked.options,
          onProgress: (sentBytes, totalBytes) => send({ type: 'progress', call, sentBytes, totalBytes }),
        })
      case 'attach-bundle':
        return await ctx.attachBundle()
      default:
        asked satisfies never
    }
  }

  return {
    take(message) {
      switch (message.type) {
        case 'spawn':
          start(message)
          return true
        case 'input': {
          const { command, data } = message
          const taken = () => send({ type: 'taken', command, bytes: data.length })
          const stdin = running.get(command)?.child.stdin
          if (stdin && !stdin.destroyed) stdin.write(data, taken)
          else taken()
          return true
        }
        case 'input-end':
          running.get(message.command)?.child.stdin.end()
          return true
        case 'taken': {
          const command = running.get(message.command)
          if (!command) return true
          command.unread[message.stream] -= message.bytes
          if (command.unread[message.stream] < windowBytes / 2) command.child[message.stream].resume()
          return true
        }
        case 'kill':
          running.get(message.command)?.child.kill(message.signal)
          return true
        case 'note':
          ctx.say(mask(message.line))
          return true
        case 'output':
          under(hostOf(message.machine).$).binding.onOutput(message.stream, mask(message.line))
          return true
        case 'secret':
          secrets.set(message.secret, ctx.secret(message.value))
          return true
        case 'call': {
          const { call } = message
          const failed = (error: unknown) => {
            const failure: Failure = toFailure(error)
            send({ type: 'answer', call, failure })
          }
          try {
            answer(call, hostOf(message.machine), message).then(
              (value) => send({ type: 'answer', call, ...(value === undefined ? {} : { value }) }),
              failed,
            )
          } catch (error) {
            failed(error)
          }
          return true
        }
        default:
          return false
      }
    },
    async endCommands() {
      await Promise.all(
        [...running.values()].map(({ child }) => {
          const closed = new Promise((resolve) => child.once('close', resolve))
          child.stdout.resume()
          child.stderr.resume()
          child.kill('SIGTERM')
          return closed
        }),
      )
    },
  }
}
