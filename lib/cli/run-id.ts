import { randomBytes } from 'node:crypto'

/** Sorts by time and can be typed: `20261121-204512-4f`. */
export function runId(now: Date): string {
  const digits = now.toISOString().replace(/\D/g, '')
  return `${digits.slice(0, 8)}-${digits.slice(8, 14)}-${randomBytes(2).toString('hex')}`
}
