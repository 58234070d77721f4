import { describe, expect, test } from 'bun:test'
import {
  contains,
  formatAddress,
  formatCidr,
  hostCount,
  overlaps,
  parseAddress,
  parseCidr,
  type Range,
} from '../../lib/topology/ipv4.ts'

const range = (text: string): Range => {
  const cidr = parseCidr(text)
  if (!cidr) throw new Error(`${text} is not a range`)
  return cidr.range
}

test.each(['0.0.0.0', '10.0.0.1', '127.255.0.9', '192.168.24.10', '255.255.255.255'])(
  '%s is read and written',
  (text) => {
    expect(formatAddress(parseAddress(text) ?? -1)).toBe(text)
  },
)

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '1.2.3.04',
  '1.2.3.-4',
  '1.2.3.4 ',
  '0x1.2.3.4',
  '1..2.3',
  '::1',
  'a.b.c.d',
])('%p is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test.each(['', '10.0.0.0', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0/8', '10.0.0.0/8/8', '/8'])(
  '%p is no range',
  (text) => {
    expect(parseCidr(text)).toBeUndefined()
  },
)

describe('a range', () => {
  test('reaches from its network to its broadcast address', () => {
    const { first, last, prefixLength } = range('192.168.24.8/30')
    expect([formatAddress(first), formatAddress(last), prefixLength]).toEqual(['192.168.24.8', '192.168.24.11', 30])
  })

  test('with host bits is told, and which one is meant', () => {
    const cidr = parseCidr('203.0.113.77/26')
    expect(cidr?.hasHostBits).toBe(true)
    expect(formatCidr(cidr?.range ?? range('0.0.0.0/0'))).toBe('203.0.113.64/26')
    expect(parseCidr('203.0.113.64/26')?.hasHostBits).toBe(false)
  })

  test.each([
    ['0.0.0.0/0', 2 ** 32 - 2],
    ['10.0.0.0/8', 2 ** 24 - 2],
    ['192.168.24.0/30', 2],
    ['192.168.24.0/31', 0],
    ['192.168.24.9/32', 0],
  ])('%s has room for %d machines', (text, room) => {
    expect(hostCount(range(text))).toBe(room)
  })

  test('overlaps what it holds, and not its neighbour', () => {
    expect(overlaps(range('10.0.0.0/8'), range('10.96.0.0/12'))).toBe(true)
    expect(overlaps(range('10.96.0.0/12'), range('10.0.0.0/8'))).toBe(true)
    expect(overlaps(range('192.168.24.0/30'), range('192.168.24.4/30'))).toBe(false)
    expect(contains(range('192.168.24.0/30'), parseAddress('192.168.24.3') ?? 0)).toBe(true)
    expect(contains(range('192.168.24.0/30'), parseAddress('192.168.24.4') ?? 0)).toBe(false)
  })
})
