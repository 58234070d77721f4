/** What a file's bytes must add up to. */
export type Checksum = { readonly algorithm: 'sha256' | 'sha512' /** Lower-case hex. */; readonly hex: string }

const algorithms = { 64: 'sha256', 128: 'sha512' } as const

/** Undefined for what is no sha256 or sha512 in hexadecimal. */
export function parseChecksum(text: string): Checksum | undefined {
  const algorithm = algorithms[text.length as keyof typeof algorithms]
  return algorithm && /^[0-9a-fA-F]+$/.test(text) ? { algorithm, hex: text.toLowerCase() } : undefined
}

/**
 * What a checksum file says of the file `name`: a line of sha256sum or sha512sum for it, with or without a folder before the
 * name, or, in a file of one line, the sum alone. Undefined where it says nothing.
 */
export function checksumOf(name: string, text: string): Checksum | undefined {
  const lines = text.split('\n').flatMap((line) => (line.trim() ? [line.trim()] : []))
  for (const line of lines) {
    const [sum = '', ...rest] = line.split(/\s+/)
    const named = rest.join(' ').replace(/^\*/, '')
    if (named.slice(named.lastIndexOf('/') + 1) === name) return parseChecksum(sum)
  }
  return lines.length === 1 ? parseChecksum(lines[0] ?? '') : undefined
}
