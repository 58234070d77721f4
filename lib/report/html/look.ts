import type { InstanceRecord } from '../fold-run.ts'

const coloured = ['configuration', 'installation', 'verification']

/** The class that gives an instance its colour: of its phase where it was done, else of how it ended. */
export function lookOf({ state, phase }: InstanceRecord): string {
  if (state !== 'finished') return state
  return coloured.includes(phase) ? phase : 'other-phase'
}
