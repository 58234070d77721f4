import { createHash, type Hash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { TaskError } from '../event/failure.ts'
import type { Checksum } from './checksum.ts'
import { type Answer, ask, bodyOf, connectionError, type Web, withRetries } from './web.ts'

export type Download = {
  readonly url: string
  /** The name that the file gets when it is whole and its checksum right. */
  readonly path: string
  /** Where it grows; with a checksum what is there from an earlier attempt, of another process even, is carried on. */
  readonly part: string
  readonly checksum?: Checksum
  /** Bytes that are there, and in all where that is known. May go back when a transfer begins again. */
  readonly onProgress?: (doneBytes: number, totalBytes: number | undefined) => void
}

/** What has arrived so far, with the state of its checksums: nothing is read twice from the disk in one process. */
type Growing = { sizeBytes: number; sha256: Hash; other?: Hash; resumed: boolean }

/**
 * Fetches a file, through retries, from where an earlier attempt ended. Throws a TaskError: `unreachable` when it cannot be
 * had, `bundle` when its checksum is wrong, `refused` when there is no room.
 */
export async function download(wanted: Download, web: Web, signal: AbortSignal): Promise<void> {
  let growing = await found(wanted)
  // A server that knows no ranges begins anew each time: what was had before is nothing new.
  let furthest = growing.sizeBytes
  const attempt = async () => {
    furthest = Math.max(furthest, growing.sizeBytes)
    await transfer(wanted, growing, web, signal)
  }
  for (;;) {
    // Killed after the last byte and before the name: there is nothing left to fetch.
    const isWhole = growing.resumed && !wrongSum(wanted, growing)
    if (!isWhole) await withRetries(web, signal, attempt, () => growing.sizeBytes > furthest)
    const wrong = wrongSum(wanted, growing)
    if (!wrong) break
    forgetPart(wanted)
    // The beginning may be of another file, or was cut off together with the power.
    if (!growing.resumed) throw wrong
    growing = fresh(wanted)
    furthest = 0
  }
  renameSync(wanted.part, wanted.path)
  rmSync(noteOf(wanted), { force: true })
}

const noteOf = ({ part }: Download) => `${part}.from`

function forgetPart(wanted: Download): void {
  rmSync(wanted.part, { force: true })
  rmSync(noteOf(wanted), { force: true })
}

const fresh = ({ checksum }: Download): Growing => ({
  sizeBytes: 0,
  sha256: createHash('sha256'),
  ...(checksum && checksum.algorithm !== 'sha256' ? { other: createHash(checksum.algorithm) } : {}),
  resumed: false,
})

/** What an earlier process left. Without a checksum nothing would tell two halves of two files, so it begins again. */
async function found(wanted: Download): Promise<Growing> {
  const growing = fresh(wanted)
  if (!existsSync(wanted.part)) return growing
  if (!wanted.checksum) {
    forgetPart(wanted)
    return growing
  }
  for await (const chunk of createReadStream(wanted.part)) take(growing, chunk as Buffer)
  growing.resumed = growing.sizeBytes > 0
  return growing
}

function take(growing: Growing, chunk: Uint8Array): void {
  growing.sha256.update(chunk)
  growing.other?.update(chunk)
  growing.sizeBytes += chunk.length
}

function beginAgain(wanted: Download, growing: Growing): void {
  Object.assign(growing, fresh(wanted))
}

async function transfer(wanted: Download, growing: Growing, web: Web, signal: AbortSignal): Promise<void> {
  const validator = growing.sizeBytes > 0 ? readNote(wanted) : undefined
  const headers: Record<string, string> =
    growing.sizeBytes > 0
      ? { range: `bytes=${growing.sizeBytes}-`, ...(validator ? { 'if-range': validator } : {}) }
      : {}
  const answer = await ask(wanted.url, { headers }, web, signal)
  try {
    const total = placeOf(answer, growing, wanted)
    if (total === 'whole') return
    await receive(answer, { wanted, growing, total })
  } catch (error) {
    signal.throwIfAborted()
    throw onDisk(connectionError(answer.url, error), wanted)
  } finally {
    answer.done()
  }
}

/** The file's whole size, where the server says it; makes `growing` what the answer is the continuation of. */
function placeOf(answer: Answer, growing: Growing, wanted: Download): number | undefined | 'whole' {
  const { status, headers } = answer.response
  const range = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '')
  const total = range?.[2] && range[2] !== '*' ? Number(range[2]) : undefined
  if (status === 416 && total === growing.sizeBytes) return 'whole'
  if (status === 206 && Number(range?.[1]) === growing.sizeBytes) return total
  const refused = status === 206 || status === 416
  beginAgain(wanted, growing)
  forgetPart(wanted)
  // A range that was not asked for, or one that does not exist: the next attempt asks for the whole.
  if (refused) throw new TaskError({ kind: 'unreachable', message: `${answer.url}: the server has no such range` })
  writeFileSync(noteOf(wanted), validatorOf(headers) ?? '')
  const length = headers.get('content-length')
  return length !== null && /^\d+$/.test(length) ? Number(length) : undefined
}

type Transfer = { readonly wanted: Download; readonly growing: Growing; readonly total: number | undefined }

async function receive(answer: Answer, { wanted, growing, total }: Transfer): Promise<void> {
  const file = openSync(wanted.part, growing.sizeBytes > 0 ? 'r+' : 'w')
  try {
    ftruncateSync(file, growing.sizeBytes)
    wanted.onProgress?.(growing.sizeBytes, total)
    for await (const chunk of bodyOf(answer)) {
      for (let done = 0; done < chunk.length; )
        done += writeSync(file, chunk, done, chunk.length - done, growing.sizeBytes + done)
      take(growing, chunk)
      wanted.onProgress?.(growing.sizeBytes, total)
    }
    if (total !== undefined && growing.sizeBytes !== total)
      throw new TaskError({
        kind: 'unreachable',
        message: `${answer.url}: ${growing.sizeBytes} of ${total} bytes arrived`,
      })
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** A weak ETag says nothing about bytes. */
function validatorOf(headers: Headers): string | undefined {
  const etag = headers.get('etag')
  return etag && !etag.startsWith('W/') ? etag : (headers.get('last-modified') ?? undefined)
}

function readNote(wanted: Download): string | undefined {
  return existsSync(noteOf(wanted)) ? readFileSync(noteOf(wanted), 'utf8') || undefined : undefined
}

function wrongSum({ url, checksum, part }: Download, { sha256, other, sizeBytes }: Growing): TaskError | undefined {
  if (!checksum) return undefined
  const hex = (other ?? sha256).copy().digest('hex')
  if (hex === checksum.hex && statSync(part).size === sizeBytes) return undefined
  return new TaskError({
    kind: 'bundle',
    message: `${url} has ${checksum.algorithm} ${hex}, and should have ${checksum.hex}`,
    cure: 'what the server or mirror holds is not what was published; nothing of it was kept',
  })
}

const diskReasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on the disk',
  EDQUOT: 'the quota is used up',
  EROFS: 'it is on a read-only file system',
  EACCES: 'it may not be written',
}

function onDisk(error: unknown, { part, url }: Download): unknown {
  const reason = diskReasons[(error as NodeJS.ErrnoException).code ?? '']
  return reason ? new TaskError({ kind: 'refused', message: `${url} cannot be kept in ${part}: ${reason}` }) : error
}
