import type { FailureKind } from '../event/failure.ts'

/** What one look came to: the thing, and how it is. */
export type Finding = {
  /** `warn` is no obstacle: the lab can be built as it is. */
  readonly state: 'ok' | 'warn' | 'fail'
  readonly what: string
  readonly figure: string
  /** What to do about it, where there is anything to do. */
  readonly cure?: string
  /** Of a failure that is not the host's own unfitness: it did not answer, or the bundle lacks something. */
  readonly kind?: Extract<FailureKind, 'unreachable' | 'untrusted' | 'bundle'>
}

export const ok = (what: string, figure: string): Finding => ({ state: 'ok', what, figure })
export const warn = (what: string, figure: string, cure: string): Finding => ({ state: 'warn', what, figure, cure })
export const fail = (what: string, figure: string, cure: string, kind?: Finding['kind']): Finding => ({
  state: 'fail',
  what,
  figure,
  cure,
  ...(kind ? { kind } : {}),
})

/** What was found on one host, or of the lab as a whole. */
export type Group = { readonly host: string; readonly about: string; readonly findings: readonly Finding[] }
