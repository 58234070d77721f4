import { beforeEach, describe, expect, test } from 'bun:test'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { noteSums, sumsOf } from '../../lib/bundle/program-sums.ts'
import { sha256, temporaryFolder } from './make-bundle.ts'

/** A folder with programs, one for the notes, and a sha256sum that tells how often it was asked to read something. */
let root = ''
const at = (name: string) => join(root, name)
const notes = () => at('notes')
beforeEach(() => {
  root = temporaryFolder()
  mkdirSync(at('bin'))
  writeFileSync(
    at('bin/sha256sum'),
    `#!/bin/sh\nfor each; do echo "$each" >> ${at('reads')}; done\nexec /usr/bin/sha256sum "$@"\n`,
  )
  chmodSync(at('bin/sha256sum'), 0o755)
  writeFileSync(at('kubelet'), 'kubelet')
  writeFileSync(at('k 3s'), 'k3s')
})

function run(words: readonly string[], ...programs: string[]) {
  rmSync(at('reads'), { force: true })
  const cmd = [...words, ...programs.map(at)]
  const { stdout, exitCode } = Bun.spawnSync(cmd, { env: { PATH: `${at('bin')}:/usr/bin:/bin` } })
  const reads = existsSync(at('reads')) ? readFileSync(at('reads'), 'utf8').trim().split('\n') : []
  return { out: stdout.toString(), exitCode, reads: reads.map((path) => path.slice(root.length + 1)) }
}
const ask = (...programs: string[]) => run(sumsOf(notes()), ...programs)
const note = (...programs: string[]) => run(noteSums(notes()), ...programs)
const line = (content: string, name: string) => `${sha256(content)}  ${at(name)}\n`

describe('the sums of programs', () => {
  test('are read where nothing is noted, in the form of sha256sum; what is absent has no line', () =>
    expect(ask('kubelet', 'absent', 'k 3s')).toEqual({
      out: line('kubelet', 'kubelet') + line('k3s', 'k 3s'),
      exitCode: 0,
      reads: ['kubelet', 'k 3s'],
    }))

  test('are known without reading once they are noted, and noted once', () => {
    expect(note('kubelet', 'k 3s').reads).toEqual(['kubelet', 'k 3s'])
    expect(ask('kubelet', 'k 3s')).toEqual({
      out: line('kubelet', 'kubelet') + line('k3s', 'k 3s'),
      exitCode: 0,
      reads: [],
    })
    expect(note('kubelet', 'k 3s').reads).toEqual([])
  })

  test.each<[string, () => void]>([
    ['a byte more', () => appendFileSync(at('kubelet'), '!')],
    [
      'other bytes in place, with the time of before',
      () => {
        const before = new Date('2026-01-01T00:00:00Z')
        utimesSync(at('kubelet'), before, before)
        note('kubelet')
        writeFileSync(at('kubelet'), 'kubelEt', { flag: 'r+' })
        utimesSync(at('kubelet'), before, before)
      },
    ],
    [
      'another file under the name',
      () => {
        writeFileSync(at('new'), 'kubelEt')
        rmSync(at('kubelet'))
        Bun.spawnSync(['mv', at('new'), at('kubelet')])
      },
    ],
  ])('are read again after a change: %s', (_, change) => {
    note('kubelet')
    change()
    const { out, reads } = ask('kubelet')
    expect(reads).toEqual(['kubelet'])
    expect(out).not.toContain(sha256('kubelet'))
    note('kubelet')
    expect(ask('kubelet')).toEqual({ out, exitCode: 0, reads: [] })
  })

  test('a note that was cut off, or is of nothing, is not believed', () => {
    note('kubelet')
    const file = join(notes(), at('kubelet'))
    for (const text of ['', `${sha256('other')}\n`, `${sha256('other')}`]) {
      writeFileSync(file, text)
      expect(ask('kubelet')).toMatchObject({ out: line('kubelet', 'kubelet'), reads: ['kubelet'] })
    }
  })

  test('of a program that is gone there is no line, whatever is noted', () => {
    note('kubelet')
    rmSync(at('kubelet'))
    expect(ask('kubelet')).toEqual({ out: '', exitCode: 0, reads: [] })
  })

  test('what is not there cannot be noted, and the command says so', () => {
    expect(note('absent').exitCode).not.toBe(0)
    expect(existsSync(notes())).toBe(false)
  })
})
