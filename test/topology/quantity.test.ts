import { expect, test } from 'bun:test'
import { durationPattern, parseDurationSeconds, parseSizeMiB, sizePattern } from '../../lib/topology/quantity.ts'

test.each([
  ['512MiB', 512],
  ['4GiB', 4096],
  ['2TiB', 2 * 1024 * 1024],
])('%s is %d MiB', (text, expected) => {
  expect(text).toMatch(new RegExp(sizePattern))
  expect(parseSizeMiB(text)).toBe(expected)
})

test.each(['', 'GiB', '4', '4G', '4GB', '4 GiB', '4gib', '04GiB', '0GiB', '-4GiB', '4.5GiB', '4GiB ', '9999999999GiB'])(
  '%p is no size',
  (text) => {
    expect(text).not.toMatch(new RegExp(sizePattern))
  },
)

test.each([
  ['90s', 90],
  ['10m', 600],
  ['1h', 3600],
  ['1h30m', 5400],
  ['1h0m5s', 3605],
  ['0s', 0],
])('%s is %d seconds', (text, expected) => {
  expect(text).toMatch(new RegExp(durationPattern))
  expect(parseDurationSeconds(text)).toBe(expected)
})

test.each(['', '10', 's', 'm10', '10 m', '1m1h', '1h1h', '1.5h', '-1s', '1d', '10min'])('%p is no duration', (text) => {
  expect(text).not.toMatch(new RegExp(durationPattern))
})
