import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Failure } from '../../lib/event/failure.ts'
import { knownFailure, signatures, signaturesOf, withKnownCause } from '../../lib/event/known-failure.ts'

const folder = (name: string) => join(import.meta.dir, '../fixtures', name)
const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')
const namesOf = (line: string) => signaturesOf(line).map(({ name }) => name)

test('every signature has a name of its own, a text that it is known by, and the other way round', () => {
  const names = signatures.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(names.length).toBeGreaterThanOrEqual(16)
  expect(
    readdirSync(folder('failures'))
      .map((file) => file.replace('.txt', ''))
      .toSorted(),
  ).toEqual(names.toSorted())
})

describe.each(signatures.map((signature) => [signature.name, signature] as const))('%s', (name, signature) => {
  const lines = linesOf(join(folder('failures'), `${name}.txt`))

  test('is known by what the programs print, and no other signature takes it for its own', () => {
    const borne = lines.map(namesOf).filter((names) => names.length > 0)
    expect(borne.length).toBeGreaterThan(0)
    for (const names of borne) expect(names).toEqual([name])
  })

  test('each of its patterns is seen at work', () => {
    for (const pattern of signature.patterns) {
      expect({ pattern, seen: lines.some((line) => pattern.test(line)) }).toEqual({ pattern, seen: true })
    }
  })

  test('its cause is one sentence, its cure something to type, and nothing in them stays unfilled', () => {
    const known = knownFailure(lines, 'edge-1')
    expect(known?.name).toBe(name)
    for (const text of [known?.cause ?? '', known?.cure ?? '']) {
      expect(text).not.toMatch(/[{}\n]|undefined|\s{2}|\.$/)
      expect(text.length).toBeGreaterThan(10)
    }
    expect(known?.cure).toMatch(/^kedge \w/)
  })
})

describe('what goes well bears no signature', () => {
  const journals = readdirSync(folder('journals')).filter((file) => file.startsWith('healthy-'))
  test.each(journals)('%s', (file) => {
    for (const line of linesOf(join(folder('journals'), file))) {
      expect({ line, names: namesOf(line) }).toEqual({ line, names: [] })
    }
  })
})

test('a line of another program about another certificate is not taken for CloudCore’s', () => {
  expect(namesOf('Unable to connect to the server: x509: certificate is valid for 10.96.0.1, not 10.0.0.1')).toEqual([])
  expect(namesOf('Head "https://registry.lan/v2/": x509: certificate signed by unknown authority')).toEqual([])
})

describe('a failure', () => {
  const failure: Failure = {
    kind: 'command',
    message: '“keadm join” ended with exit code 1',
    lastLines: [
      'Error: edge node join failed: timed out waiting for the condition',
      'F1122 10:00:00 24240 server.go:117] failed to check the running environment: kubelet should not be running on edge node',
    ],
  }
  test('gets the cause that explains, not the one that only says that somebody waited', () => {
    expect(withKnownCause(failure, 'edge-1')).toEqual({
      ...failure,
      cause: 'a kubelet runs on edge-1, and edgecore does not start beside one',
      cure: 'kedge ssh edge-1 -- sudo systemctl disable --now kubelet',
    })
  })
  test('is known by its message, too: what a check found after the run', () => {
    const message = 'ran, and yet: node edge-1 is not Ready: cni plugin not initialized'
    expect(withKnownCause({ kind: 'still-pending', message }, 'edge-1').cure).toBe('kedge run all --on edge-1')
  })
  test('keeps the cause and the cure that it has', () => {
    expect(withKnownCause({ ...failure, cause: 'known already' }, 'edge-1')).toEqual({
      ...failure,
      cause: 'known already',
    })
    expect(withKnownCause({ ...failure, cure: 'type this' }, 'edge-1').cure).toBe('type this')
  })
  test('is told of the machine where it happened, which is named where it is another than the node', () => {
    const full: Failure = { kind: 'command', message: 'write: No space left on device', host: 'hypervisor' }
    expect(withKnownCause(full, 'edge-1')).toMatchObject({
      host: 'hypervisor',
      cause: expect.stringContaining('a disk of hypervisor is full'),
      cure: 'on the hypervisor: df -h',
    })
    expect(withKnownCause({ ...full, host: 'edge-1' }, 'edge-1')).toEqual({
      kind: 'command',
      message: full.message,
      cause: expect.stringContaining('a disk of edge-1 is full'),
      cure: 'kedge ssh edge-1 -- df -h',
    })
  })
  test('that is none of a program’s stays as it is', () => {
    for (const kind of ['unreachable', 'refused', 'bundle', 'bug'] as const) {
      expect(withKnownCause({ ...failure, kind }, 'edge-1')).toEqual({ ...failure, kind })
    }
    const unknown: Failure = { kind: 'command', message: '“false” ended with exit code 1' }
    expect(withKnownCause(unknown, 'edge-1')).toEqual(unknown)
  })
})
