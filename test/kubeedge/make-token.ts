import { createHash, createHmac } from 'node:crypto'
import { listJson } from '../distribution/kubectl-answers.ts'

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

const secret = (name: string, data: Readonly<Record<string, string | Buffer>>) => ({
  apiVersion: 'v1',
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  kind: 'Secret',
  metadata: { name, namespace: 'kubeedge', creationTimestamp: '2026-01-01T00:00:00Z' },
  type: 'Opaque',
})

/** What kubectl prints when it is asked for the token and the CA at once; several names are a list, also when one is there. */
export const tokenAndCaJson = (token?: string): string =>
  listJson([
    ...(token === undefined ? [] : [secret('tokensecret', { tokendata: token })]),
    secret('casecret', { cadata: caBytes, cakeydata: caKey }),
  ])
