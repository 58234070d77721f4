import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { tasks } from '../../tasks/index.ts'
import { loadLab } from './context.ts'

const folder = join(import.meta.dir, '../../tasks')

describe('the list of tasks', () => {
  test('has every file of the folder, and each under the name of its file', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'index.ts')
    expect(Object.keys(tasks).toSorted()).toEqual(files.map((file) => file.replace('.ts', '')).toSorted())
    for (const name of Object.keys(tasks)) expect(existsSync(join(folder, `${name}.ts`)), name).toBe(true)
  })

  test('is what the embedded wiring names, no more and no less', () => {
    expect(
      loadLab()
        .tasks.map(({ name }) => name)
        .toSorted(),
    ).toEqual(Object.keys(tasks).toSorted())
  })

  test('covers the twelve steps of the procedure, and no other number', () => {
    const steps = Object.values(tasks).flatMap(({ step }) => (step === undefined ? [] : [step]))
    expect([...new Set(steps)].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  })

  test.each(Object.entries(tasks))('%s says in one line what it does', (_, { description }) => {
    expect(description).toMatch(/^[A-Z][^\n]{8,100}[^.\s]$/)
  })
})
