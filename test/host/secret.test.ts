import { describe, expect, test } from 'bun:test'
import { inspect } from 'node:util'
import { createVault, reveal } from '../../lib/host/secret.ts'
import { splitLines } from '../../lib/host/split-lines.ts'

const { secret, mask } = createVault()
const value = `p'4ss "w\\rd/+é`
const token = secret(value)

test('a secret shows as stars however it is printed', () => {
  expect([
    `${token}`,
    String(token),
    `${token}x`,
    JSON.stringify({ token }),
    inspect({ token }),
    Bun.inspect(token),
  ]).toEqual(['***', '***', '***x', '{"token":"***"}', '{ token: *** }', '***'])
  expect(JSON.stringify(Object.entries(token))).not.toContain('4ss')
  expect(reveal(token)).toBe(value)
})

describe('masks', () => {
  test.each([
    ['as it is', value],
    ['in a sentence', `error: ${value}!`],
    ['in single quotes of a shell', `'${value.replaceAll("'", `'\\''`)}'`],
    ['in JSON', JSON.stringify(value)],
    ['in base64', Buffer.from(value).toString('base64')],
    ['in base64, with a newline', Buffer.from(`${value}\n`).toString('base64')],
    ['in base64 for addresses', Buffer.from(value).toString('base64url')],
    ['in an address', `https://x/?t=${encodeURIComponent(value)}`],
    ['twice', `${value} ${value}`],
  ])('%s', (_, text) => {
    const masked = mask(text)
    expect(masked).toContain('***')
    for (const part of ['4ss', Buffer.from(value).toString('base64').slice(0, 8)]) expect(masked).not.toContain(part)
  })

  test('each long line of a value with many lines', () => {
    secret('-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\nshort\n-----END KEY-----\n')
    expect(mask('| MIIEvQIBADANBgkqhkiG')).toBe('| ***')
    expect(mask('-----BEGIN KEY----- short')).toBe('-----BEGIN KEY----- short')
  })

  test('no value that is shorter than six characters', () => {
    secret('abcde')
    expect(mask('abcde')).toBe('abcde')
  })

  test('a longer value before one that it contains', () => {
    secret('inner-value')
    secret('outer-inner-value-outer')
    expect(mask('outer-inner-value-outer')).toBe('***')
  })

  test('across chunks, and at the cut of a long line', () => {
    secret('straddling-value')
    const lines: string[] = []
    const splitter = splitLines((line) => lines.push(line), mask)
    for (const part of ['x strad', 'dling-v', 'alue y\n', `${'z'.repeat(16 * 1024 - 5)}straddl`, 'ing-value\n']) {
      splitter.write(Buffer.from(part))
    }
    expect(lines).toEqual(['x *** y', `${'z'.repeat(16 * 1024 - 5)}***`])
  })
})

test('the same value is the same secret, and a NUL is refused', () => {
  expect(secret(value)).toBe(token)
  expect(() => secret('a\0b')).toThrow('NUL')
})
