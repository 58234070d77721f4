import { describe, expect, test } from 'bun:test'
import type { NeedDraft, TaskDraft } from '../../../lib/topology/merge-tasks.ts'
import { checkCycles } from '../../../lib/topology/rules/check-cycles.ts'
import type { YamlFile } from '../../../lib/topology/yaml-file.ts'

const [own, embedded] = [{}, {}] as [YamlFile, YamlFile]

function task(name: string, needs: readonly string[], file = own): TaskDraft {
  const drafts = needs.map((need, index): NeedDraft => ({ task: need, on: undefined, file, path: [name, index] }))
  return { name, removed: false, isSound: true, entry: {}, needs: drafts, before: [], file, fileOf: () => file }
}

const messages = (...tasks: readonly TaskDraft[]): string[] =>
  [...checkCycles(tasks, own)].map(({ message }) => message.replace('these tasks wait for each other: ', ''))

describe('cycles', () => {
  test('are named in full', () => {
    expect(messages(task('a', ['b']), task('b', ['c']), task('c', ['a']))).toEqual(['a → b → c → a'])
  })

  test('are named once each, also where they share a task', () => {
    expect(messages(task('a', ['b', 'c']), task('b', ['a']), task('c', ['a']))).toEqual(['a → b → a', 'a → c → a'])
  })

  test('are not seen in a diamond, a need that is missing, or a task that needs itself', () => {
    const diamond = [task('a', ['b', 'c']), task('b', ['d']), task('c', ['d']), task('d', ['nowhere', 'd'])]
    expect(messages(...diamond)).toEqual([])
  })

  test('are shown at a need that the user wrote', () => {
    const [complaint] = checkCycles(
      [task('a', ['b'], embedded), task('b', ['c'], own), task('c', ['a'], embedded)],
      own,
    )
    expect(complaint).toMatchObject({ file: own, path: ['b', 0], message: expect.stringContaining('b → c → a → b') })
  })

  test('are found at the end of a chain longer than any call stack', () => {
    const length = 200_000
    const chain = Array.from({ length }, (_, index) => task(`t${index}`, [`t${index + 1}`]))
    expect(messages(...chain)).toEqual([])
    const last = task(`t${length}`, [`t${length - 1}`])
    expect(messages(...chain, last)).toEqual([`t${length - 1} → t${length} → t${length - 1}`])
  }, 60_000)
})
