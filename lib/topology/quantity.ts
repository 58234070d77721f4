/** What the file accepts as an amount of memory or disk: whole numbers of binary units. */
export const sizePattern = '^[1-9][0-9]{0,8}(MiB|GiB|TiB)$'

/** Hours, minutes and seconds, largest first, each at most once. */
export const durationPattern = '^(?=[0-9])([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$'

const mebibytes = { MiB: 1, GiB: 1024, TiB: 1024 * 1024 } as const

/** `4GiB` is 4096. For text that matches `sizePattern`. */
export function parseSizeMiB(text: string): number {
  const unit = text.slice(-3) as keyof typeof mebibytes
  return Number(text.slice(0, -3)) * mebibytes[unit]
}

/** `1h30m` is 5400. For text that matches `durationPattern`. */
export function parseDurationSeconds(text: string): number {
  const [, hours = '0', minutes = '0', seconds = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? []
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
}
