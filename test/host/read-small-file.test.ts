import { afterAll, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSmallFile } from '../../lib/host/read-small-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'kedge-small-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

const noFile = 'it is not a file but a device, a pipe or a socket'

test('a file is read', () => {
  writeFileSync(at('lab.yaml'), 'version: 1\n')
  expect(readSmallFile(at('lab.yaml'))).toEqual({ text: 'version: 1\n' })
})

test('a FIFO that nobody writes to and devices without an end are not waited for', () => {
  execFileSync('mkfifo', [at('fifo')])
  for (const path of [at('fifo'), '/dev/zero', '/dev/null']) expect(readSmallFile(path)).toEqual({ why: noFile })
})

test('links that go in a circle, a folder, nothing', () => {
  symlinkSync(at('b'), at('a'))
  symlinkSync(at('a'), at('b'))
  expect(readSmallFile(at('a'))).toEqual({ why: 'its symbolic links go in a circle' })
  expect(readSmallFile(folder)).toEqual({ why: 'it is a folder' })
  expect(readSmallFile(at('none'))).toEqual({ why: 'there is no such file' })
})

test('a file with more bytes than anybody writes', () => {
  execFileSync('truncate', ['-s', '1T', at('huge')])
  expect(readSmallFile(at('huge'))).toEqual({ why: 'it is larger than 64 MiB' })
})
