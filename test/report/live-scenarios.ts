import type { Event } from '../../lib/event/event.ts'
import { changed, lab, unreachable } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

const spoken = (edges: number) =>
  changed(lab(edges), ({ id }) => ({
    output: [
      id,
      `\u001b[31mpulling\u001b[2J\u001b[H 日本語 \u001b]0;pwned\u0007layer 1f2e3d4c5b6a ${'and more '.repeat(20)}`,
    ],
  }))

export const scenarios: Readonly<Record<string, readonly Event[]>> = {
  'two-edges': simulateRun(spoken(2)),
  'two-hundred-edges': simulateRun(spoken(200)),
  failing: simulateRun(
    changed(spoken(6), ({ id }) =>
      /install-runtime@edge-[2-6]/.test(id) ? { ends: unreachable('10.0.0.9') } : undefined,
    ),
  ),
}
