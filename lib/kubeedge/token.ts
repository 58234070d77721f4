/**
 * CloudCore's join token: `hex(sha256(CA certificate in DER)).JWT`, the JWT signed with the CA's key and carrying only
 * its expiry. (KubeEdge, cloud/pkg/cloudhub; token files never hold anything else.)
 */
export type Token = { readonly caHash: string; readonly expiresAt: Date }

/** Reads what a token says of itself; undefined when it is not one, cut short for example. */
export function parseToken(text: string): Token | undefined {
  const match = /^([0-9a-f]{64})\.([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(text.trim())
  if (!match) return undefined
  const expiresAt = expiryOfClaims(match[3] as string)
  return expiresAt && { caHash: match[1] as string, expiresAt }
}

/** When a token ends, from its second part alone, which is no secret; undefined when it does not say. */
export function expiryOfClaims(text: string): Date | undefined {
  try {
    const claims = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as { exp?: unknown }
    if (typeof claims.exp !== 'number') return undefined
    const expiresAt = new Date(claims.exp * 1000)
    return Number.isNaN(expiresAt.getTime()) ? undefined : expiresAt
  } catch {
    return undefined
  }
}

/** What is wrong with a token for a join that starts now; undefined when nothing is. `caHash` is of the CA that CloudCore serves. */
export function whyUnusable(text: string | undefined, caHash: string, now: Date): string | undefined {
  if (text === undefined || text.trim() === '') return 'there is no token yet'
  const token = parseToken(text)
  if (!token) return 'the token is damaged: it is not hash.JWT'
  if (token.caHash !== caHash) return 'the token belongs to another CA than the one that CloudCore has now'
  // A join takes up to five minutes.
  const left = token.expiresAt.getTime() - now.getTime()
  if (left >= 5 * 60_000) return undefined
  return `the token ${left > 0 ? 'expires' : 'expired'} at ${token.expiresAt.toISOString()}`
}
