import { test } from 'bun:test'
import { keepEvidence } from './evidence.ts'
import type { Lab } from './lab.ts'

/** Tests that build on one another: one that fails leaves the later ones out, and the lab's traces behind. */
export function stepsOn(lab: Lab): (name: string, work: () => Promise<void>) => void {
  let hasFailed = false
  return (name, work) =>
    test(name, async () => {
      if (hasFailed) throw new Error('an earlier step failed')
      try {
        await work()
      } catch (error) {
        hasFailed = true
        console.error(`lab: traces are in ${await keepEvidence(lab)}`)
        throw error
      }
    })
}
