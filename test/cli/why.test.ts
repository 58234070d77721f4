import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtBinary, runIn } from '../build/binary.ts'

let lab: string
beforeAll(() => void builtBinary(), 120_000)
beforeEach(() => {
  lab = mkdtempSync(join(tmpdir(), 'kedge-why-'))
})
afterEach(() => rmSync(lab, { recursive: true, force: true }))

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
const kedge = (...words: string[]) => runIn(lab, [builtBinary(), ...words], env)

describe('kedge why', () => {
  test('a node that the file does not have: usage, with the nearest name', () => {
    const { exitCode, stderr, stdout } = kedge('why', 'edge-l')
    expect(exitCode).toBe(2)
    expect(stderr).toContain('there is no node edge-l; did you mean edge-1?')
    expect(stdout).toBe('')
  })
  test('no node named: usage', () => expect(kedge('why').exitCode).toBe(2))
  test('a lab of tasks alone has nothing to join', () => {
    writeFileSync(
      join(lab, 'kedge.config.yaml'),
      "version: 1\nlab: plain\nextends: none\nnodes:\n  pi: { role: edge, ssh: { host: 127.0.0.1, user: pi } }\ntasks:\n  a: { on: edge, sh: 'true' }\n",
    )
    const { exitCode, stderr } = kedge('why', 'pi')
    expect(exitCode).toBe(2)
    expect(stderr).toContain('no control plane')
  })
  test('help says what it does not do, and its exit codes', () => {
    const { stdout } = kedge('help', 'why')
    for (const text of ['installs nothing', '0 nothing is wrong', '5 something is', '4 a host is unreachable'])
      expect(stdout).toContain(text)
  })
})
