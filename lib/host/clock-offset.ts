import type { Host } from './host.ts'

/** How far a node's clock is ahead of this machine's, in seconds; negative when it is behind. */
export type ClockOffset = { readonly seconds: number; readonly error: number }

/** Measured by one command; the answer is taken to be from its middle, so the error is half of its time. */
export async function clockOffset({ $ }: Host, now: () => number): Promise<ClockOffset> {
  const before = now()
  const answer = await $({ quiet: true })`date +%s.%N`
  const after = now()
  const there = Number(answer.stdout.trim())
  return { seconds: there - (before + after) / 2000, error: (after - before) / 2000 }
}

/** `+0.3 s`, `-61 s`: what is smaller than the measuring error is not told more finely than that. */
export function offsetInWords({ seconds, error }: ClockOffset): string {
  const digits = Math.abs(seconds) < 10 && error < 1 ? 1 : 0
  const text = seconds.toFixed(digits)
  return `${Number(text) > 0 ? '+' : ''}${Number(text) === 0 ? '0' : text} s`
}
