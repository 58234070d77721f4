const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `812 bytes`, `5.3 MiB`, `1.2 GiB`. */
export function formatBytes(bytes: number): string {
  let amount = Math.max(0, bytes)
  let unit = 0
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`
}
