const pad = (number: number): string => String(number).padStart(2, '0')

/** `0.8 s`, `12 s`, `3 min 05 s`, `1 h 02 min`. */
export function formatSeconds(seconds: number): string {
  const tenths = Math.round(Math.max(0, seconds) * 10) / 10
  if (tenths < 10) return `${tenths.toFixed(1)} s`
  const whole = Math.round(Math.max(0, seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`
}

/** `0:08`, `3:05`, `1:02:03`: a running clock, which changes once a second. */
export function formatClock(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds))
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor((whole % 3600) / 60)
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`
}

/** `12 s`, `3 min`, `5 h`, `4 days`: how old something is, to be taken in at a glance. */
export function formatAge(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min`
  if (whole < 2 * 86_400) return `${Math.floor(whole / 3600)} h`
  return `${Math.floor(whole / 86_400)} days`
}
