import { expect, test } from 'bun:test'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateKeyPair, parsePublicLine } from '../../lib/host/keys.ts'
import { forgetHostKey, machineKeys } from '../../lib/machine/machine-keys.ts'
import { stateFolder } from './scripted-context.ts'

test('keys are made once, and are the same for whoever asks', () => {
  const state = stateFolder()
  const first = machineKeys(state, 'edge-1')
  expect(machineKeys(state, 'edge-1')).toEqual(first)
  const other = machineKeys(state, 'edge-2')
  expect(other.user).toEqual(first.user)
  expect(other.host.privateKey).not.toBe(first.host.privateKey)
  expect(first.host.publicLine).toEndWith(' edge-1')
  expect(parsePublicLine(first.user.publicLine).type).toBe('ssh-ed25519')
})

test('nobody else may read them, and nothing half-written stays', () => {
  const state = stateFolder()
  machineKeys(state, 'edge-1')
  const folder = join(state, 'keys')
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(readdirSync(folder).sort()).toEqual(['edge-1.host', 'lab'])
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
})

test('the public half is the one that belongs to the private key', () => {
  const state = stateFolder()
  machineKeys(state, 'edge-1')
  const pair = generateKeyPair('somebody')
  writeFileSync(join(state, 'keys', 'edge-1.host'), pair.privateKey)
  expect(machineKeys(state, 'edge-1').host.publicLine.split(' ').slice(0, 2)).toEqual(
    pair.publicLine.split(' ').slice(0, 2),
  )
})

test('a file that is no key is an error that names it, never replaced', () => {
  const state = stateFolder()
  machineKeys(state, 'edge-1')
  const path = join(state, 'keys', 'edge-1.host')
  writeFileSync(path, 'cut off')
  expect(() => machineKeys(state, 'edge-1')).toThrow(path)
})

test('a forgotten host key is made anew, the user key stays', () => {
  const state = stateFolder()
  const before = machineKeys(state, 'edge-1')
  forgetHostKey(state, 'edge-1')
  forgetHostKey(state, 'edge-1')
  const after = machineKeys(state, 'edge-1')
  expect(after.host.privateKey).not.toBe(before.host.privateKey)
  expect(after.user).toEqual(before.user)
  rmSync(state, { recursive: true })
})
