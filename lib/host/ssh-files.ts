import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { TaskError } from '../event/failure.ts'
import type { Host, HostBinding } from './host.ts'
import { cutOff, damaged, readPart } from './local-files.ts'
import { quote } from './quote.ts'
import { askArrived, cutShort, notOurs, resume } from './resume.ts'
import { isSecret, mask, reveal } from './secret.ts'
import type { Spawn } from './shell.ts'

const missingFile = 44

/** Files of a machine that is reached by commands alone. */
export function createSshFiles(name: string, spawn: Spawn, binding: HostBinding): Pick<Host, 'read' | 'write' | 'put'> {
  const { signal, onOutput, cwd } = binding
  const run = async (shown: string, script: string, input: Readable): Promise<Buffer> => {
    const child = spawn({ script, shown, secrets: [], cwd, env: {}, signals: [signal] })
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    let failure: unknown
    child.once('error', (error) => {
      failure = error
    })
    const ended = new Promise<number | null>((settle) => child.once('close', settle))
    const fed = pipeline(input, child.stdin).catch((error) => {
      // The command's end says what happened, unless it was the source that failed.
      if (input.errored && !child.stdin.destroyed) failure ??= error
      child.kill('SIGTERM')
    })
    const exitCode = await ended
    await fed
    if (failure) throw failure
    if (exitCode === 0) return Buffer.concat(stdout)
    const lines = Buffer.concat(stderr).toString('utf8').trim().split('\n').map(mask)
    throw new TaskError({
      kind: exitCode === cutShort ? 'unreachable' : 'command',
      message:
        exitCode === cutShort
          ? `${shown}: not all of it arrived on ${name}`
          : `${shown}: ${lines.at(-1) || `exit code ${exitCode}`}`,
      command: shown,
      ...(exitCode === null ? {} : { exitCode }),
      ...(lines[0] ? { lastLines: lines.slice(-20) } : {}),
    })
  }

  return {
    async read(path) {
      const script = `[ -e ${quote(path)} ] || exit ${missingFile}; exec cat -- ${quote(path)}`
      try {
        return (await run(`read ${path}`, script, Readable.from([]))).toString('utf8')
      } catch (error) {
        if (error instanceof TaskError && error.failure.exitCode === missingFile) return undefined
        throw error
      }
    },
    async write(path, content, { mode = isSecret(content) ? 0o600 : 0o644 } = {}) {
      const bytes = Buffer.from(isSecret(content) ? reveal(content) : content)
      onOutput('command', `write ${path}`)
      await run(
        `write ${path}`,
        receive(path, { mode, bytes: bytes.length, forSecret: isSecret(content) }),
        Readable.from([bytes]),
      )
    },
    async put(localPath, path, { mode = 0o644, range, sha256, resumable = false, onProgress } = {}) {
      const source = resolve(binding.cwd ?? '.', localPath)
      onOutput('command', `put ${path}`)
      const { size } = await stat(source)
      const { offset, sizeBytes: bytes } = range ?? { offset: 0, sizeBytes: size }
      if (offset + bytes > size) throw cutOff(localPath, { offset, sizeBytes: bytes })
      /** Sends what comes after the first bytes; the sum that was found where it is another one. */
      const send = async (script: string, from = 0): Promise<string> => {
        const input = readPart(source, { offset: offset + from, sizeBytes: bytes - from }, 256 * 1024)
        let sent = from
        if (onProgress) {
          input.on('data', (chunk) => {
            sent += chunk.length
            onProgress(sent, bytes)
          })
          input.pause()
        }
        return (await run(`put ${path}`, script, input)).toString('utf8').trim()
      }
      if (sha256 !== undefined && resumable) {
        const arrived = Number((await run(`put ${path}`, askArrived(path), Readable.from([]))).toString('utf8'))
        const from = arrived > bytes ? 0 : arrived
        const take = (from: number) => send(resume(path, { mode, bytes, sha256 }, from), from)
        try {
          const found = await take(from)
          // What was there may have been of other content, or a disk may not have kept it.
          if (found === '' || (from > 0 && (await take(0)) === '')) return
          throw damaged(localPath, sha256, found)
        } catch (error) {
          if (!(error instanceof TaskError) || error.failure.exitCode !== notOurs) throw error
        }
      }
      const found = await send(receive(path, { mode, bytes, ...(sha256 === undefined ? {} : { sha256 }) }))
      if (sha256 !== undefined && found !== '') throw damaged(localPath, sha256, found)
    },
  }
}

type Receipt = {
  readonly mode: number
  /** Of the whole file. */
  readonly bytes: number
  readonly sha256?: string
  /** Folders that are made for a secret are for its owner only. */
  readonly forSecret?: boolean
}

/**
 * Takes a file from stdin: mode before content, flushed, counted, and only then renamed. What was cut short by a lost link or a
 * kill never takes the old file's place. Prints the sum where it is not the expected one.
 */
function receive(path: string, { mode, bytes, sha256, forSecret = false }: Receipt): string {
  const asides = `${dirname(path)}/.kedge-${createHash('sha256').update(path).digest('hex').slice(0, 6)}-`
  // tee feeds the sum while the file is written, so that nothing is read twice.
  const take =
    sha256 === undefined
      ? 'cat >&3'
      : 'sum=$(tee -- /dev/fd/3 | sha256sum) || exit; sum=$(echo "$sum" | cut -d " " -f 1)'
  const compare = sha256 === undefined ? '' : `if [ "$sum" != ${quote(sha256)} ]; then echo "$sum"; exit; fi`
  return [
    'set -e -o pipefail',
    `path=${quote(path)} asides=${quote(asides)} aside=${quote(asides)}$$`,
    `${forSecret ? '(umask 077; ' : ''}mkdir -p -- ${quote(dirname(path))}${forSecret ? ')' : ''}`,
    // A shell that is killed on a busy machine has had no time to remove its own; its number is in the name.
    `for each in "$asides"*; do [ -e "/proc/\${each##*-}" ] || rm -f -- "$each"; done`,
    // When a link is lost the shell finds its input short at the moment when the guard ends all that runs: rm as well, if it may.
    `trap 'trap "" HUP INT TERM; rm -f -- "$aside"' EXIT`,
    'umask 077',
    // Made by the shell itself: a child that is just starting when all is stopped would make it after the trap has removed it.
    'exec 3> "$aside"',
    `chmod ${mode.toString(8)} -- "$aside"`,
    take,
    `[ "$(stat -c %s -- "$aside")" = ${bytes} ] || exit ${cutShort}`,
    compare,
    'sync -- "$aside"',
    'mv -fT -- "$aside" "$path"',
  ].join('\n')
}
