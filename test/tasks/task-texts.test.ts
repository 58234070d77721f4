import { expect, test } from 'bun:test'
import { tasks } from '../../tasks/index.ts'

const entries = Object.entries(tasks)

test('there are tasks to look at', () => expect(entries.length).toBeGreaterThan(15))

test.each(entries)(
  '%s says what it does, what it checks and what it changes',
  (_, { description, checks, changes }) => {
    for (const text of [description, checks, changes]) {
      expect(text ?? '').toMatch(/^\S.{2,218}[^\s.]$/)
    }
    // The first is a heading, the others go on after a word.
    expect(description).toMatch(/^[A-Z]/)
    expect(new Set([description, checks, changes]).size).toBe(3)
  },
)
