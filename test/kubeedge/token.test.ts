import { describe, expect, test } from 'bun:test'
import { parseToken, whyUnusable } from '../../lib/kubeedge/token.ts'
import { tokenOf } from './make-token.ts'

const ca = 'a1'.repeat(32)
const now = new Date('2026-01-01T12:00:00Z')
const inMinutes = (minutes: number) => new Date(now.getTime() + minutes * 60_000)
const good = tokenOf(ca, inMinutes(60 * 24))

test('a token says which CA it belongs to and when it ends', () => {
  expect(parseToken(`${good}\n`)).toEqual({ caHash: ca, expiresAt: inMinutes(60 * 24) })
})

const [hash = '', header = '', claims = '', signature = ''] = good.split('.')
const withClaims = (value: unknown) =>
  [hash, header, Buffer.from(JSON.stringify(value)).toString('base64url'), signature].join('.')

describe('what is no token', () => {
  test.each([
    ['nothing', ''],
    ['the JWT alone', good.slice(65)],
    ['the hash alone', hash],
    ['without its signature', `${hash}.${header}.${claims}`],
    ['with a fifth part', `${good}.x`],
    ['with a hash cut short', good.slice(1)],
    ['with a hash in capitals', good.replace(ca, ca.toUpperCase())],
    ['two lines', `${good}\n${good}`],
    ['with claims cut short', `${hash}.${header}.${claims.slice(0, -6)}.${signature}`],
    ['with claims that are no JSON', `${hash}.${header}.bm90IGpzb24.${signature}`],
    ['with claims null', withClaims(null)],
    ['without an expiry', withClaims({ iat: 1 })],
    ['with an expiry as text', withClaims({ exp: '1767268800' })],
    ['with an expiry beyond all dates', withClaims({ exp: 1e300 })],
    ['the error of a keadm that found no secret', 'failed to get token, err: secrets "tokensecret" not found'],
  ])('%s', (_, text) => expect(parseToken(text)).toBeUndefined())
})

describe('why a token cannot be used', () => {
  const why = (text: string | undefined) => whyUnusable(text, ca, now)
  test('a good one can', () => expect(why(good)).toBeUndefined())
  test('there is none', () => {
    expect(why(undefined)).toBe('there is no token yet')
    expect(why(' \n')).toBe('there is no token yet')
  })
  test('it was cut short', () => expect(why(good.slice(0, -50))).toBe('the token is damaged: it is not hash.JWT'))
  test('it is of a CA that was made again', () =>
    expect(whyUnusable(good, 'b2'.repeat(32), now)).toBe(
      'the token belongs to another CA than the one that CloudCore has now',
    ))
  test('it has expired, as CloudCore serves it once its refresh has failed', () =>
    expect(why(tokenOf(ca, inMinutes(-1)))).toBe('the token expired at 2026-01-01T11:59:00.000Z'))
  test('it expires during the join, which takes up to five minutes', () => {
    expect(why(tokenOf(ca, inMinutes(4)))).toBe('the token expires at 2026-01-01T12:04:00.000Z')
    expect(why(tokenOf(ca, inMinutes(6)))).toBeUndefined()
  })
})
