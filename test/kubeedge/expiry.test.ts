import { describe, expect, test } from 'bun:test'
import { certificateExpiry, expiryOf, mostUrgentFirst, type Subject } from '../../lib/kubeedge/expiry.ts'
import { makeCertificate } from './make-certificate.ts'

const subject: Subject = {
  node: 'master',
  what: '/a.crt',
  renewsItself: false,
  cure: 'renew it',
  cureOnceExpired: 'make it anew',
}
const self: Subject = { ...subject, renewsItself: true }
const year = makeCertificate('year', 365)
const before = ({ until }: { until: Date }, days: number) => new Date(until.getTime() - days * 86_400_000)

describe('a certificate', () => {
  test('that is far from its end needs nothing', () => {
    expect(certificateExpiry(subject, year.pem, year.from)).toEqual({
      node: 'master',
      what: '/a.crt',
      state: 'good',
      until: year.until.toISOString(),
      daysLeft: 365,
      renewsItself: false,
    })
  })

  test('is near its end from thirty days before, and says what to do', () => {
    expect(certificateExpiry(subject, year.pem, before(year, 30))).toMatchObject({ state: 'good', daysLeft: 30 })
    expect(certificateExpiry(subject, year.pem, before(year, 29.9))).toMatchObject({
      state: 'soon',
      daysLeft: 29,
      note: 'renew it',
    })
  })

  test('that is over says what to do then', () => {
    expect(certificateExpiry(subject, year.pem, year.until)).toMatchObject({ state: 'expired', note: 'make it anew' })
    expect(certificateExpiry(subject, year.pem, before(year, -0.5))).toMatchObject({ state: 'expired', daysLeft: -1 })
    const { cureOnceExpired, ...oneCure } = subject
    expect(certificateExpiry(oneCure, year.pem, year.until)).toMatchObject({ note: 'renew it' })
  })

  test('with a short life that renews itself is let alone until nine tenths are over', () => {
    const short = makeCertificate('short', 20)
    expect(certificateExpiry(self, short.pem, short.from).state).toBe('good')
    expect(certificateExpiry(self, short.pem, before(short, 1.9)).state).toBe('soon')
    expect(certificateExpiry(subject, short.pem, short.from).state).toBe('soon')
    expect(certificateExpiry(self, year.pem, before(year, 33)).state).toBe('good')
    expect(certificateExpiry(self, year.pem, before(year, 29)).state).toBe('soon')
  })

  test('may come as DER, and may live for a hundred years', () => {
    const century = makeCertificate('century', 36_400, { isCa: true })
    const expiry = certificateExpiry(subject, century.der, century.from)
    expect(expiry).toMatchObject({ state: 'good', daysLeft: 36_400, until: century.until.toISOString() })
  })
})

describe('of several certificates', () => {
  const leaf = makeCertificate('leaf', 100)
  const authority = makeCertificate('authority', 3650, { isCa: true })
  const days = (content: string) => certificateExpiry(subject, content, leaf.from).daysLeft

  test('the first that is no CA counts, wherever it stands', () => {
    expect(days(leaf.pem + authority.pem)).toBe(100)
    expect(days(authority.pem + leaf.pem)).toBe(100)
    expect(days(leaf.pem + year.pem)).toBe(100)
    expect(days(year.pem + leaf.pem)).toBeGreaterThanOrEqual(364)
  })

  test('of CAs alone the first', () => {
    const other = makeCertificate('other', 50, { isCa: true })
    expect(days(authority.pem + other.pem)).toBeGreaterThanOrEqual(3649)
  })

  test('a damaged one is passed over', () => {
    const damaged = year.pem.replace(/\n.{40}/, '\nAAAA')
    expect(days(damaged + leaf.pem)).toBe(100)
  })
})

test.each([
  ['nothing', ''],
  ['other text', 'apiVersion: v1\n'],
  ['a certificate without its end', year.pem.slice(0, 300)],
  ['a certificate with a hole', year.pem.replace(/\n.{40}/, '\nAAAA')],
  ['a private key', year.key],
  ['no bytes', new Uint8Array()],
  ['half the bytes', new Uint8Array(year.der.subarray(0, 100))],
])('%s is a line that says so', (_name, content) => {
  expect(certificateExpiry(subject, content, year.from)).toEqual({
    node: 'master',
    what: '/a.crt',
    state: 'unknown',
    renewsItself: false,
    note: 'damaged: there is no whole certificate in it',
  })
})

test('what is most urgent comes first, the rest stays in its order', () => {
  const noon = new Date('2026-06-15T12:00:00Z')
  const of = (what: string, daysLeft: number) =>
    expiryOf({ ...subject, what }, { from: noon, until: before({ until: noon }, -daysLeft) }, noon)
  const damaged = certificateExpiry({ ...subject, what: 'damaged' }, '', noon)
  // Minutes within a day are no reason to tear apart what was found side by side.
  const soon = [of('soon', 20), of('as soon', 19.99), of('sooner', 3)]
  const list = [of('b', 300), of('a', 200), damaged, ...soon, of('over', -1), of('long over', -90)]
  const order = ['long over', 'over', 'sooner', 'soon', 'as soon', 'damaged', 'b', 'a']
  expect(mostUrgentFirst(list).map(({ what }) => what)).toEqual(order)
})
