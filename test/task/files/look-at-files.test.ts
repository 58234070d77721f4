import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localConnection } from '../../../lib/host/local.ts'
import { lookAtFiles } from '../../../lib/task/files/look-at-files.ts'
import { failureOf } from '../../host/failure-of.ts'
import { hostileTexts } from '../../host/hostile-texts.ts'

let folder: string
const connection = localConnection()
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-files-'))
  mkdirSync(join(folder, 'src/deep/er'), { recursive: true })
  mkdirSync(join(folder, 'src/.hidden'))
  mkdirSync(join(folder, 'empty'))
  for (const name of ['a.c', 'a.h', 'deep/b.c', 'deep/er/c.c', '.hidden/d.c', '.e.c'])
    writeFileSync(join(folder, 'src', name), name)
  writeFileSync(join(folder, '-'), 'dash')
  symlinkSync('../a.c', join(folder, 'src/deep/link.c'))
  symlinkSync('/etc', join(folder, 'src/etc'))
  symlinkSync('/nowhere', join(folder, 'dangling'))
  symlinkSync('src', join(folder, 'through'))
  Bun.spawnSync(['mkfifo', join(folder, 'src/fifo.c')])
})
afterAll(async () => {
  await connection.close()
  rmSync(folder, { recursive: true, force: true })
})

const $ = () => connection.bind({ signal: new AbortController().signal, onOutput: () => {}, cwd: folder }).$
const look = (inputs: readonly string[], outputs: readonly string[] = []) => lookAtFiles($(), { inputs, outputs })
const names = async (...inputs: string[]) => [...(await look(inputs)).inputs.keys()].sort()

test('wildcards find files and links, and follow none out of what they name', async () => {
  expect(await names('src/*.c')).toEqual(['src/a.c'])
  expect(await names('src/**/*.c')).toEqual(['src/a.c', 'src/deep/b.c', 'src/deep/er/c.c', 'src/deep/link.c'])
  expect(await names('src/*/hosts', 'src/**/x*')).toEqual([])
  expect((await look(['src/**'])).inputs.get('src/etc')).toBe('→ /etc')
  expect(await names('src/**/.*.c')).toEqual(['src/.e.c'])
  expect(await names('none/*', 'empty/**')).toEqual([])
})

test('what is named is followed: a link to a file counts as its content, a folder as all in it', async () => {
  const { inputs } = await look(['src/deep/link.c', 'src/a.c', '-'])
  expect(inputs.get('src/deep/link.c')).toBe(inputs.get('src/a.c') as string)
  expect(inputs.has('-')).toBe(true)
  expect(await names('src/deep')).toEqual(['src/deep/b.c', 'src/deep/er/c.c', 'src/deep/link.c'])
  expect(await names('through/*.c')).toEqual(['through/a.c'])
  expect(await names(`${folder}/src/*.h`)).toEqual([`${folder}/src/a.h`])
})

test('! takes out, and what is an output is no input', async () => {
  expect(await names('src/**/*.{c,h}', '!src/deep')).toEqual(['src/a.c', 'src/a.h'])
  expect(await names('src/**/*.c', '!**/link.c', '!src/deep/er/*')).toEqual(['src/a.c', 'src/deep/b.c'])
  expect([...(await look(['src/*'], ['src/*.h'])).inputs.keys()]).not.toContain('src/a.h')
})

test('outputs are there or not; a link to nowhere is not', async () => {
  const outputs = ['src/*.o', 'src/a.c', 'nothing', 'empty', 'dangling', 'dang*', 'src/**/c.c', 'none/**']
  expect((await look([], outputs)).missingOutputs).toEqual(['src/*.o', 'nothing', 'dangling', 'dang*', 'none/**'])
})

test('content decides', async () => {
  const digest = async () => (await look(['src/a.h'])).inputs.get('src/a.h')
  const before = await digest()
  writeFileSync(join(folder, 'src/a.h'), 'other')
  expect(await digest()).not.toBe(before as string)
  writeFileSync(join(folder, 'src/a.h'), 'a.h')
  expect(await digest()).toBe(before as string)
})

test('names may be anything', async () => {
  const hostile = join(folder, 'hostile')
  mkdirSync(hostile)
  const made = [...new Set(hostileTexts)].filter(
    (text) => text !== '' && !/[/\0]|^\.{1,2}$/.test(text) && Buffer.byteLength(text) < 250,
  )
  for (const name of made) writeFileSync(join(hostile, name), '')
  const visible = made.filter((name) => !name.startsWith('.')).map((name) => `hostile/${name}`)
  expect(visible.length).toBeGreaterThan(5)
  expect(await names('hostile/*')).toEqual(visible.sort())
})

test('an input that is named and is not there, or no file, is refused in words; so is what may not be read', async () => {
  expect(await failureOf(look(['src/*.c', 'none.c']))).toMatchObject({
    kind: 'refused',
    message: 'its input none.c is not there',
  })
  expect(await failureOf(look(['src/fifo.c']))).toMatchObject({
    message: 'its input src/fifo.c is neither a file nor a folder',
  })
  if (process.getuid?.() === 0) return
  chmodSync(join(folder, 'src/a.h'), 0)
  expect(await failureOf(look(['src/*.h']))).toMatchObject({ message: expect.stringContaining('Permission denied') })
})
