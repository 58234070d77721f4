import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { refused, TaskError } from '../event/failure.ts'
import { parsePublicLine, privateSeed } from '../host/keys.ts'
import type { Signature } from './pack-format.ts'
import type { Pack } from './read-pack.ts'

const publicType = 'ssh-ed25519'
/** The fixed part of a PKCS#8 document with an ed25519 key, which ends with the key's 32 bytes. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Signs with a private ed25519 key, in OpenSSH's format or PEM (PKCS#8), without a passphrase. Throws a TaskError for any other. */
export function signClaims(claimsText: string, privateKey: string, shownName: string): Signature {
  const key = privateKeyOf(privateKey, shownName)
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  const type = Buffer.from(publicType)
  const blob = Buffer.concat([length(type), type, length(Buffer.alloc(32)), Buffer.from(x as string, 'base64url')])
  return {
    publicKey: `${publicType} ${blob.toString('base64')}`,
    signature: sign(null, Buffer.from(claimsText), key).toString('base64'),
  }
}

const length = (bytes: Buffer): Buffer => {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(bytes.length)
  return four
}

function privateKeyOf(text: string, shownName: string): KeyObject {
  const wrong = (what: string) =>
    refused(`${shownName} ${what}`, `ssh-keygen -t ed25519 -N '' -f ${shownName} makes one that does`)
  try {
    const seed = privateSeed(text)
    const key =
      seed === undefined
        ? createPrivateKey(text)
        : createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' })
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (error) {
    throw wrong(
      /passphrase|encrypted/i.test((error as Error).message)
        ? 'has a passphrase, and nobody is asked for it'
        : 'is no private key that signs a pack',
    )
  }
  throw wrong('is no ed25519 key')
}

/** Throws a TaskError of kind `bundle` unless the pack's claims are signed by the owner of that public key. */
export function refuseUntrusted(pack: Pack, trusted: string): void {
  const { blob } = trustedKey(trusted)
  const { path, claimsText, signature } = pack
  const untrusted = (why: string) =>
    new TaskError({
      kind: 'bundle',
      message: `the pack ${path} is not to be trusted: ${why}`,
      cure: 'get it from who holds the key, or leave --trust out',
    })
  if (!signature) throw untrusted('nobody has signed it')
  if (!parsePublicLine(signature.publicKey).blob.equals(blob))
    throw untrusted('another key than that one has signed it')
  const x = blob.subarray(-32).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  if (!verify(null, Buffer.from(claimsText), key, Buffer.from(signature.signature, 'base64')))
    throw untrusted('its signature is of something else')
}

/** Throws TypeError for what is no line with an ed25519 key. */
function trustedKey(line: string) {
  const key = parsePublicLine(line)
  if (key.type !== publicType) throw new TypeError(`Not an ed25519 key: ${line.slice(0, 60)}`)
  return key
}
