import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { InstanceId } from './event.ts'
import { type LogPart, logParts } from './log-parts.ts'

/** What an instance printed, shortened: lines of its beginning and, where something is left out between, of its end. */
export type LogExcerpt = {
  /** Where the whole of it begins. */
  readonly path: string
  /** Of all that was printed, kept or not. */
  readonly bytes: number
  readonly head: readonly string[]
  /** Absent where `head` is all. */
  readonly tail?: readonly string[]
}

/** At most so much of one log, and of all of them together. */
export type ExcerptLimits = { readonly logBytes: number; readonly totalBytes: number }

const limitsOfExcerpts: ExcerptLimits = { logBytes: 64 * 1024, totalBytes: 12 * 1024 * 1024 }

/** Excerpts of the logs of those instances that have one, by id. Short logs stay whole as long as possible. */
export function logExcerpts(
  stateFolder: string,
  instances: readonly { readonly id: InstanceId; readonly run: string }[],
  limits = limitsOfExcerpts,
): ReadonlyMap<string, LogExcerpt> {
  const logs: (Log & { readonly id: string })[] = []
  for (const [run, its] of Map.groupBy(instances, (instance) => instance.run)) {
    const folder = join(stateFolder, 'runs', run)
    const found = existsSync(folder) ? logParts(folder) : new Map<string, readonly LogPart[]>()
    for (const { id } of its) {
      const log = withSizes(found.get(id) ?? [])
      if (log) logs.push({ id, ...log })
    }
  }
  const sizes = logs.map(({ parts }) => parts.reduce((sum, { bytes }) => sum + bytes, 0))
  const most = Math.min(limits.logBytes, fairShare(sizes, limits.totalBytes))
  return new Map(logs.map((log) => [log.id, excerptOf(log, most)]))
}

type SizedPart = LogPart & { readonly bytes: number }
type Log = { readonly parts: readonly [SizedPart, ...SizedPart[]] }

/** A part that has had to make room meanwhile is left out. */
function withSizes(parts: readonly LogPart[]): Log | undefined {
  const [first, ...others] = parts.flatMap((part): SizedPart[] => {
    const size = statSync(part.path, { throwIfNoEntry: false })?.size
    return size === undefined ? [] : [{ ...part, bytes: size }]
  })
  return first && { parts: [first, ...others] }
}

/** The size up to which each may keep all that it has, so that together they keep within `total`. */
function fairShare(sizes: readonly number[], total: number): number {
  let left = total
  let count = sizes.length
  for (const size of sizes.toSorted((one, other) => one - other)) {
    if (size > left / count) return Math.floor(left / count)
    left -= size
    count -= 1
  }
  return Number.POSITIVE_INFINITY
}

/** A quarter for how it began, the rest for what it said last. */
function excerptOf({ parts }: Log, most: number): LogExcerpt {
  const [first] = parts
  const last = parts.at(-1) ?? first
  const bytes = last.offset + last.bytes
  const outline = { path: first.path, bytes }
  const isWhole = bytes <= most && parts.every(({ offset }, index) => offset === endOf(parts[index - 1]))
  if (isWhole) return { ...outline, head: lines(parts.map((part) => read(part.path, 0, part.bytes)).join('')) }
  const headBytes = Math.floor(most / 4)
  const tailStart = bytes - (most - headBytes)
  // The newest part alone may be short: then the one before it, if it ends where this one begins.
  const before = parts.at(-2)
  const isJoined = before !== undefined && tailStart < last.offset && endOf(before) === last.offset
  const beginning = isJoined ? read(before.path, Math.max(0, tailStart - before.offset), before.bytes) : ''
  const tail = beginning + read(last.path, Math.max(0, tailStart - last.offset), last.bytes)
  return {
    ...outline,
    head: lines(read(first.path, 0, Math.min(headBytes, first.bytes)), 'first'),
    tail: lines(tail, 'last'),
  }
}

const endOf = (part: SizedPart | undefined): number => (part ? part.offset + part.bytes : 0)

function read(path: string, from: number, to: number): string {
  const piece = Buffer.alloc(Math.max(0, to - from))
  let descriptor: number
  try {
    descriptor = openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  try {
    return piece.subarray(0, readSync(descriptor, piece, 0, piece.length, from)).toString()
  } finally {
    closeSync(descriptor)
  }
}

/** Without the line that the limit cut through, unless there is no other. */
function lines(text: string, cut?: 'first' | 'last'): readonly string[] {
  const all = text.replace(/\n$/, '').split('\n')
  if (all.length < 2 || cut === undefined) return all
  if (cut === 'last') return all.slice(1)
  return text.endsWith('\n') ? all : all.slice(0, -1)
}
