import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export type GrowthWatch = {
  /** Fires when nothing grew for too long, or when the signal that was given does. */
  readonly signal: AbortSignal
  end(): void
}

type Limits = {
  readonly stallSeconds: number
  readonly signal: AbortSignal
  /** Told the bytes in the folder when there are more than ever before. */
  readonly onGrowth: ((bytes: number) => void) | undefined
}

/** Looks twice a second how much a program that says nothing has put into a folder. */
export function watchGrowth(folder: string, { stallSeconds, signal, onGrowth }: Limits): GrowthWatch {
  const stop = new AbortController()
  let seen: string | undefined
  let most = 0
  let grewAt = performance.now()
  const timer = setInterval(() => {
    const { bytes, state } = contentOf(folder)
    if (bytes > most) {
      most = bytes
      onGrowth?.(bytes)
    }
    if (state !== seen) {
      seen = state
      grewAt = performance.now()
    } else if (performance.now() - grewAt > stallSeconds * 1000) stop.abort()
  }, 500)
  return { signal: AbortSignal.any([signal, stop.signal]), end: () => clearInterval(timer) }
}

/** The bytes in a folder, and a text that differs when any of its files does. */
function contentOf(folder: string): { readonly bytes: number; readonly state: string } {
  let bytes = 0
  const states: string[] = []
  for (const name of namesIn(folder)) {
    try {
      const found = lstatSync(join(folder, name))
      if (!found.isFile()) continue
      bytes += found.size
      states.push(`${name} ${found.size}`)
    } catch {
      // It has gone since it was listed.
    }
  }
  return { bytes, state: states.sort().join('\n') }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}
