import { createHash, createHmac } from 'node:crypto'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A join token as CloudCore makes it: the CA's hash, then a JWT that carries its expiry and nothing else. */
export function tokenOf(caHash: string, expiresAt: Date, key = "the CA's key"): string {
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp: Math.floor(expiresAt.getTime() / 1000) })}`
  return `${caHash}.${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

/** Stands for the CA's certificate in DER. */
export const caBytes = Buffer.from([0x30, 0x82, 0x01, 0x02, 0xff, 0x00, 0xc3, 0x28])
export const caHash = createHash('sha256').update(caBytes).digest('hex')
/** The private half, which nobody but CloudCore may see. */
export const caKey = 'MHcCAQEEIIa8VVXkt6xPrivate0fTheCA1m4A'

export const secretJson = (name: string, data: Readonly<Record<string, string | Buffer>>): string =>
  `${JSON.stringify(
    {
      apiVersion: 'v1',
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
      ),
      kind: 'Secret',
      metadata: { name, namespace: 'kubeedge', creationTimestamp: '2026-01-01T00:00:00Z' },
      type: 'Opaque',
    },
    null,
    4,
  )}\n`

export const caSecret = secretJson('casecret', { cadata: caBytes, cakeydata: caKey })
