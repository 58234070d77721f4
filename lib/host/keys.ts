import { createHash } from 'node:crypto'
import ssh2 from 'ssh2'

export type KeyPair = {
  /** OpenSSH's own format, with a newline at the end. */
  readonly privateKey: string
  /** `ssh-ed25519 AAAA… comment` */
  readonly publicLine: string
}

/** A fresh ed25519 pair, for a user or for a host. */
export function generateKeyPair(comment: string): KeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment })
    // ssh2 drops a zero byte at the head of a public key, and no program reads what is left: one pair in 256.
    if (parsePublicLine(pair.public).blob.length !== ed25519BlobBytes) continue
    return { privateKey: `${pair.private.trimEnd()}\n`, publicLine: pair.public.trim() }
  }
}

/** Two fields with their lengths: the type's name and the key's 32 bytes. */
const ed25519BlobBytes = 4 + 'ssh-ed25519'.length + 4 + 32

/** As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. Takes a public line or the key's blob. */
export function fingerprint(key: string | Buffer): string {
  const blob = typeof key === 'string' ? parsePublicLine(key).blob : key
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

export type PublicKey = { readonly type: string; readonly blob: Buffer }

/** Throws TypeError for anything that is not `type base64 [comment]`. */
export function parsePublicLine(line: string): PublicKey {
  const [type = '', base64 = ''] = line.trim().split(/\s+/)
  const blob = Buffer.from(base64, 'base64')
  if (blob.length === 0 || keyTypeOf(blob) !== type)
    throw new TypeError(`Not a public key: ${line.trim().slice(0, 60)}`)
  return { type, blob }
}

/** The type that a key's blob names in its first field, or an empty string. */
export function keyTypeOf(blob: Buffer): string {
  if (blob.length < 4) return ''
  const length = blob.readUInt32BE(0)
  return blob.length >= 4 + length ? blob.toString('latin1', 4, 4 + length) : ''
}

/**
 * The 32 bytes that an ed25519 private key in OpenSSH's own format is made of; undefined for any other text. Throws an
 * Error for one that has a passphrase, or is of another type.
 */
export function privateSeed(text: string): Buffer | undefined {
  if (!text.includes('BEGIN OPENSSH PRIVATE KEY')) return undefined
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error) throw key
  if (key.type !== 'ssh-ed25519') throw new TypeError(`Not an ed25519 key: ${key.type}`)
  // PKCS#8, as ssh2 writes it: the seed is its end.
  return Buffer.from(key.getPrivatePEM().replace(/-----[^-]+-----/g, ''), 'base64').subarray(-32)
}
