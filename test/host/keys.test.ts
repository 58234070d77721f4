import { expect, test } from 'bun:test'
import ssh2 from 'ssh2'
import { fingerprint, generateKeyPair, parsePublicLine } from '../../lib/host/keys.ts'
import { first, second } from './example-keys.ts'

test('fingerprints are those of ssh-keygen', () => {
  expect(fingerprint(first.line)).toBe(first.fingerprint)
  expect(fingerprint(parsePublicLine(second.line).blob)).toBe(second.fingerprint)
})

test('makes a pair that belongs together, in OpenSSH’s format, another one each time', () => {
  const pair = generateKeyPair('kedge lab')
  expect(pair.publicLine).toMatch(/^ssh-ed25519 AAAA\S+ kedge lab$/)
  expect(pair.privateKey).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n[\s\S]*\n-----END OPENSSH PRIVATE KEY-----\n$/)
  const parsed = ssh2.utils.parseKey(pair.privateKey)
  if (parsed instanceof Error) throw parsed
  expect(fingerprint(parsed.getPublicSSH())).toBe(fingerprint(pair.publicLine))
  expect(generateKeyPair('kedge lab').publicLine).not.toBe(pair.publicLine)
})

test('every pair of many is one that programs can read, also where the key happens to begin with a zero', () => {
  const unreadable = Array.from({ length: 2000 }, () => generateKeyPair('host').privateKey).filter(
    (key) => ssh2.utils.parseKey(key) instanceof Error,
  )
  expect(unreadable).toEqual([])
})

test.each(['', 'ssh-ed25519', 'ssh-rsa AAAA', `ssh-rsa ${first.line.split(' ')[1]}`])('%j is no public key', (line) => {
  expect(() => parsePublicLine(line)).toThrow(TypeError)
})
