import { TaskError } from '../event/failure.ts'
import { toFailure } from '../host/to-failure.ts'

/** One step of a diagnosis: what was looked at and what was found. `lines` are a log's, `cause` and `cure` a failed step's. */
export type Step = {
  readonly state: 'ok' | 'FAIL' | 'skip'
  readonly what: string
  readonly figure: string
  readonly lines?: readonly string[]
  readonly cause?: string
  /** Something to type. */
  readonly cure?: string
}

export type Diagnosis = {
  readonly node: string
  readonly role: string
  readonly steps: readonly Step[]
  /** A host that had to be asked could not be reached, so that steps are missing. */
  readonly isUnreachable: boolean
}

export const ok = (what: string, figure: string): Step => ({ state: 'ok', what, figure })
export const skip = (what: string, figure: string): Step => ({ state: 'skip', what, figure })
export const fail = (what: string, figure: string, cause: string, cure: string, lines?: readonly string[]): Step => ({
  state: 'FAIL',
  what,
  figure,
  cause,
  cure,
  ...(lines && lines.length > 0 ? { lines } : {}),
})

/** The step that explains: the first that failed. */
export const firstFailure = ({ steps }: Diagnosis): Step | undefined => steps.find(({ state }) => state === 'FAIL')

export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly isUnreachable: boolean }

/** The work's result, or why there is none, as data: what cannot be asked must not hide the other steps. */
export async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    const { kind, message, lastLines = [] } = toFailure(error)
    if (kind === 'bug' && !(error instanceof TaskError) && !(error instanceof SyntaxError)) throw error
    const last = kind === 'command' ? lastLines.at(-1) : undefined
    return { ok: false, message: last ?? message, isUnreachable: kind === 'unreachable' || kind === 'untrusted' }
  }
}

/** `11 h 20 min`, `3 d 4 h`, `40 s` */
export function roughly(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const whole = Math.abs(Math.round(seconds))
  const at = Math.max(
    0,
    units.findIndex(([, size]) => whole >= size),
  )
  const [big = ['s', 1] as const, small] = whole === 0 ? [units[3]] : units.slice(at)
  const rest = small ? Math.floor((whole % big[1]) / small[1]) : 0
  return `${Math.floor(whole / big[1])} ${big[0]}${rest > 0 && small ? ` ${rest} ${small[0]}` : ''}`
}
