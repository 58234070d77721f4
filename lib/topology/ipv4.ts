/** An IPv4 range as numbers; `first` and `last` are the network and the broadcast address. */
export type Range = { readonly first: number; readonly last: number; readonly prefixLength: number }

/** The 32 bits of a dotted address, or undefined. Leading zeros are refused: half of all programs read them as octal. */
export function parseAddress(text: string): number | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let bits = 0
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    bits = bits * 256 + Number(octet)
  }
  return bits
}

export const formatAddress = (bits: number): string =>
  [bits / 2 ** 24, (bits / 2 ** 16) % 256, (bits / 2 ** 8) % 256, bits % 256].map(Math.floor).join('.')

/** `hasHostBits` where the address is not the first of its range; `range` is the one that is meant. */
export function parseCidr(text: string): { readonly range: Range; readonly hasHostBits: boolean } | undefined {
  const [, address = '', length = ''] = /^([^/]+)\/(0|[1-9]\d?)$/.exec(text) ?? []
  const bits = parseAddress(address)
  const prefixLength = Number(length)
  if (bits === undefined || length === '' || prefixLength > 32) return undefined
  const size = 2 ** (32 - prefixLength)
  const first = bits - (bits % size)
  return { range: { first, last: first + size - 1, prefixLength }, hasHostBits: first !== bits }
}

export const formatCidr = (range: Range): string => `${formatAddress(range.first)}/${range.prefixLength}`

export const contains = (range: Range, bits: number): boolean => bits >= range.first && bits <= range.last

export const overlaps = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last

/** How many machines can have an address in the range: all but the network and the broadcast address. */
export const hostCount = (range: Range): number => Math.max(0, range.last - range.first - 1)
