import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePublicLine } from '../../lib/host/keys.ts'
import { pinned, verifyKnownHosts } from '../../lib/host/verify-host-keys.ts'
import { first, second } from './example-keys.ts'

const firstKey = parsePublicLine(first.line).blob
const secondKey = parsePublicLine(second.line).blob
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-known-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
const fileWith = (text: string) => {
  const path = join(folder, 'known hosts')
  writeFileSync(path, text)
  return path
}

test('accepts a known key, and asks for keys of its type only', () => {
  const keys = verifyKnownHosts([join(folder, 'missing'), fileWith(`host ${first.line}\n`)])
  expect(keys.verify('host', 22, firstKey)).toEqual({ accepted: true })
  expect(keys.keyTypes('host', 22)).toEqual(['ssh-ed25519'])
  expect(keys.keyTypes('stranger', 22)).toBeUndefined()
})

test('refuses an unknown key, and the command that it names makes it known', () => {
  const path = fileWith('')
  const keys = verifyKnownHosts([path])
  const verdict = keys.verify('host', 2222, firstKey)
  if (verdict.accepted) throw new Error('accepted an unknown key')
  expect(verdict.message).toBe(`The host key of [host]:2222 is not known: ssh-ed25519 ${first.fingerprint}`)
  const command = verdict.cure.slice(verdict.cure.indexOf('echo '))
  Bun.spawnSync(['sh', '-c', command])
  expect(readFileSync(path, 'utf8')).toBe(`[host]:2222 ${first.line}\n`)
  expect(keys.verify('host', 2222, firstKey)).toEqual({ accepted: true })
})

test('refuses a changed key with the file and the line that say otherwise', () => {
  const path = fileWith(`# comment\nhost ${first.line}\n`)
  const verdict = verifyKnownHosts([path]).verify('host', 22, secondKey)
  expect(verdict).toMatchObject({ accepted: false, cure: expect.stringContaining(`ssh-keygen -f '${path}' -R host`) })
  expect(verdict).toMatchObject({
    message: `The host key of host has changed: it shows ssh-ed25519 ${second.fingerprint}, but ${path}, line 2, says ssh-ed25519 ${first.fingerprint}`,
  })
})

test('refuses a revoked key, also where another line knows it', () => {
  const path = fileWith(`host ${first.line}\n@revoked * ${first.line}\n`)
  expect(verifyKnownHosts([path]).verify('host', 22, firstKey)).toMatchObject({
    accepted: false,
    message: expect.stringContaining('is revoked'),
  })
})

test('a pinned key is the only one, under any address', () => {
  const keys = pinned(`${first.line} comment`)
  expect(keys.verify('a', 22, firstKey)).toEqual({ accepted: true })
  expect(keys.verify('b', 2222, firstKey)).toEqual({ accepted: true })
  expect(keys.verify('a', 22, secondKey)).toMatchObject({
    accepted: false,
    message: expect.stringContaining(second.fingerprint),
  })
  expect(() => pinned('ssh-ed25519 nonsense')).toThrow('Not a public key')
})
