import { X509Certificate } from 'node:crypto'

/** Something with an end: one line of `kedge status`. */
export type Expiry = {
  /** The node that it was found on; for a secret the one that was asked for it. */
  readonly node: string
  /** A path, `secret NAME` with what is in it, or what could not be asked. */
  readonly what: string
  /** `soon` is when somebody has to act; `unknown` when it could not be read. */
  readonly state: 'expired' | 'soon' | 'good' | 'unknown'
  /** ISO 8601 in UTC; missing where it could not be read. */
  readonly until?: string
  /** Whole days, rounded down; negative once it has expired. */
  readonly daysLeft?: number
  readonly renewsItself: boolean
  /** What to do, or why it could not be read; missing where there is nothing to do. */
  readonly note?: string
}

/** Whose end it is, and what helps against it. */
export type Subject = Pick<Expiry, 'node' | 'what' | 'renewsItself'> & {
  readonly cure: string
  readonly cureOnceExpired?: string
}

type Life = { readonly from: Date; readonly until: Date }

const dayMilliseconds = 86_400_000
const soonMilliseconds = 30 * dayMilliseconds

/**
 * When what stands in a PEM text or DER bytes ends. Of several certificates the first that is no CA counts, as it is the one
 * that is shown to others; of CAs alone the first.
 */
export function certificateExpiry(subject: Subject, content: string | Uint8Array, now: Date): Expiry {
  const life = lifeOf(content)
  return life ? expiryOf(subject, life, now) : unread(subject, 'damaged: there is no whole certificate in it')
}

/** What cannot be renewed because it cannot be read. */
export const unread = ({ node, what, renewsItself }: Omit<Subject, 'cure'>, note: string): Expiry => ({
  node,
  what,
  state: 'unknown',
  renewsItself,
  note,
})

export function expiryOf(subject: Subject, { from, until }: Life, now: Date): Expiry {
  const { node, what, renewsItself, cure, cureOnceExpired = cure } = subject
  const left = until.getTime() - now.getTime()
  // Who renews for himself does so before nine tenths of the life are over: earlier there is nothing to do.
  const tenth = (until.getTime() - from.getTime()) / 10
  const soon = renewsItself ? Math.min(soonMilliseconds, tenth) : soonMilliseconds
  const state = left <= 0 ? 'expired' : left < soon ? 'soon' : 'good'
  const note = { expired: cureOnceExpired, soon: cure, good: undefined }[state]
  return {
    node,
    what,
    state,
    until: until.toISOString(),
    daysLeft: Math.floor(left / dayMilliseconds),
    renewsItself,
    ...(note ? { note } : {}),
  }
}

/** Undefined where there is no whole certificate in it. */
export function lifeOf(content: string | Uint8Array): Life | undefined {
  const pieces =
    typeof content === 'string'
      ? (content.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [])
      : [content]
  const certificates = pieces.flatMap((piece) => parse(piece) ?? [])
  const certificate = certificates.find(({ ca }) => !ca) ?? certificates[0]
  if (!certificate) return undefined
  const life = { from: new Date(certificate.validFrom), until: new Date(certificate.validTo) }
  return Number.isNaN(life.from.getTime()) || Number.isNaN(life.until.getTime()) ? undefined : life
}

function parse(piece: string | Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(piece)
  } catch {
    return undefined
  }
}

const urgency: Readonly<Record<Expiry['state'], number>> = { expired: 0, soon: 1, unknown: 2, good: 3 }

/** What is over first, then what is near its end, then what could not be read; of one day, and the rest, in the order found. */
export const mostUrgentFirst = (expiries: readonly Expiry[]): readonly Expiry[] =>
  [...expiries].sort((a, b) => urgency[a.state] - urgency[b.state] || urgentDay(a).localeCompare(urgentDay(b)))

const urgentDay = ({ state, until = '' }: Expiry): string => (state === 'good' ? '' : until.slice(0, 10))
