import { expect, test } from 'bun:test'
import { parsePublicLine } from '../../lib/host/keys.ts'
import { knownHosts } from '../../lib/host/known-hosts.ts'
import { first, hashedNames, second } from './example-keys.ts'

const { blob } = parsePublicLine(first.line)
const knows = (patterns: string, host: string, port = 22) =>
  knownHosts(`${patterns} ${first.line} comment\n`).find(host, port).length === 1

test.each([
  ['host.example', 'host.example', 22],
  ['HOST.example', 'host.EXAMPLE', 22],
  ['other,host.example,10.0.0.7', '10.0.0.7', 22],
  ['*.example', 'host.example', 22],
  ['10.0.0.?', '10.0.0.7', 22],
  ['[host.example]:2222', 'host.example', 2222],
  ['[*.example]:2222', 'host.example', 2222],
  ['host.example', 'host.example', 2222],
  ['[fe80::1]:22,fe80::1', 'fe80::1', 22],
  [hashedNames.plain, 'host.example', 22],
  [hashedNames.withPort, 'host.example', 2222],
])('%s knows %s on port %i', (patterns, host, port) => {
  expect(knows(patterns, host, port)).toBe(true)
})

test.each([
  ['host.example', 'host.example.org', 22],
  ['host.example', 'hostxexample', 22],
  ['[host.example]:2222', 'host.example', 22],
  ['[host.example]:2222', 'host.example', 2223],
  ['*.example,!host.example', 'host.example', 22],
  ['!host.example', 'other.example', 22],
  [hashedNames.plain, 'host.examplf', 22],
  [hashedNames.withPort, 'host.example', 22],
  ['# host.example', 'host.example', 22],
  ['@cert-authority host.example', 'host.example', 22],
])('%s does not know %s on port %i', (patterns, host, port) => {
  expect(knows(patterns, host, port)).toBe(false)
})

test('keeps lines, marks revoked keys, and passes over what makes no sense', () => {
  const text = `\n# comment\nnonsense\nhost ssh-rsa ${first.line.split(' ')[1]}\nhost ${first.line}\r\n@revoked host ${second.line}\n`
  expect(knownHosts(text).find('host', 22)).toMatchObject([
    { type: 'ssh-ed25519', blob, line: 5, revoked: false },
    { type: 'ssh-ed25519', line: 6, revoked: true },
  ])
})

test('a key for the port comes before one for the name', () => {
  const text = `host ${first.line}\n[host]:2222 ${second.line}\n`
  expect(knownHosts(text).find('host', 2222)).toMatchObject([{ line: 2 }])
})
