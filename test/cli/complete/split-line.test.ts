import { describe, expect, test } from 'bun:test'
import { insertion, splitLine } from '../../../lib/cli/complete/split-line.ts'
import { hostileNames } from '../../hostile/hostile-names.ts'

const breaks = ' \t\n"\'@><=;|&(:'

test.each([
  ['kedge ', [], '', 0, ''],
  ['kedge run jo', ['run'], 'jo', 0, ''],
  ['kedge  run\tall ', ['run', 'all'], '', 0, ''],
  ['kedge logs a@b', ['logs'], 'a@b', 1, ''],
  ['kedge report --format=j', ['report'], '--format=j', 9, ''],
  ['kedge -c my\\ lab.yaml run x', ['-c', 'my lab.yaml', 'run'], 'x', 0, ''],
  [`kedge -c 'my lab.yaml' "a b`, ['-c', 'my lab.yaml'], 'a b', 0, '"'],
  [`kedge a'b@c`, [], 'ab@c', 1, "'"],
  [`kedge "a\\"b\\x" ''`, ['a"b\\x'], '', 0, ''],
  ['kedge a\\', [], 'a\\', 0, ''],
])('%s', (line, before, current, start, quote) => {
  expect(splitLine(line, breaks)).toEqual({ before, current, start, quote })
})

describe('what is put into the line is read by bash as the candidate', () => {
  const names = hostileNames.filter((name) => name !== '' && name.length < 1000 && !/[\p{Cc}\p{Cs}]/u.test(name))

  test.each(['', "'", '"'])('after %s', (quote) => {
    const put = names.map((name) => insertion(name, { before: [], current: '', start: 0, quote }))
    const kept = names.filter((_, index) => put[index] !== undefined)
    const words = put.filter((word) => word !== undefined).map((word) => `${quote}${word}${quote}`)
    const { stdout } = Bun.spawnSync(['bash', '--norc', '-c', `printf '%s\\0' ${words.join(' ')}`])
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(kept)
    expect(kept.length).toBeGreaterThan(10)
  })
})
