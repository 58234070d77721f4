import { describe, expect, test } from 'bun:test'
import { formatProblems } from '../../lib/topology/format-problem.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Problem, Topology } from '../../lib/topology/topology.ts'
import { fixtures } from './fixtures.ts'
import { base, known } from './known.ts'
import { mutate, seeded } from './mutations.ts'

const sources = [base, ...fixtures('valid').map(({ text }) => text)]
const batches = 20
const perBatch = 100
const verdicts = new Set<boolean>()

/** What is wrong with the answer itself, not with the file. */
function complaintsAbout(text: string): readonly string[] {
  const loaded = loadTopology(text, 'lab.yaml', known)
  verdicts.add(loaded.ok)
  if (loaded.ok) return complaintsAboutTopology(loaded.topology)
  const lines = text.replace(/^\ufeff/, '').split('\n')
  const misplaced = loaded.problems.filter((problem) => problem.file === 'lab.yaml' && !isInside(problem, lines))
  formatProblems(loaded.problems, { color: true })
  return [
    ...(loaded.problems.length === 0 ? ['refused without a problem'] : []),
    ...misplaced.map(({ line, column, message }) => `${line}:${column} is not in the file: ${message}`),
  ]
}

function isInside({ line, column, length, source }: Problem, lines: readonly string[]): boolean {
  const text = lines[line - 1]?.replace(/\r$/, '')
  return (
    text === source && column >= 1 && column <= source.length + 1 && length >= 1 && column + length <= source.length + 2
  )
}

function complaintsAboutTopology({ lab, nodes, networks, tasks }: Topology): readonly string[] {
  const names = new Set(tasks.map(({ name }) => name))
  const lans = new Set(networks.map(({ name }) => name))
  const dangling = tasks.flatMap(({ needs }) => needs.filter(({ task }) => !names.has(task)))
  const lost = nodes.flatMap((node) => node.networks.filter(({ network }) => !lans.has(network)))
  const empty = tasks.filter(({ on, timeoutSeconds }) => on.length === 0 || !(timeoutSeconds > 0))
  return [...(lab === '' ? ['no lab'] : []), ...[...dangling, ...lost, ...empty].map((part) => JSON.stringify(part))]
}

describe(`${batches * perBatch} damaged files give a topology or problems that lie in them`, () => {
  for (let batch = 0; batch < batches; batch++) {
    test(`seeds from ${batch * perBatch}`, () => {
      for (let seed = batch * perBatch; seed < (batch + 1) * perBatch; seed++) {
        const text = mutate(sources[seed % sources.length] ?? '', seeded(seed))
        expect({ seed, complaints: complaintsAbout(text) }).toEqual({ seed, complaints: [] })
      }
    }, 60_000)
  }

  test('and both happen', () => {
    expect(verdicts).toEqual(new Set([true, false]))
  })
})
