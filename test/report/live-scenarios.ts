import type { Event } from '../../lib/event/event.ts'
import { type Forecast, foresee } from '../../lib/report/forecast.ts'
import type { LiveOptions } from '../../lib/report/live.ts'
import { changed, lab, unreachable } from './sample-labs.ts'
import { type Simulated, simulateRun } from './simulated-run.ts'

const spoken = (edges: number) =>
  changed(lab(edges), ({ id }) => ({
    output: [
      id,
      `\u001b[31mpulling\u001b[2J\u001b[H 日本語 \u001b]0;pwned\u0007layer 1f2e3d4c5b6a ${'and more '.repeat(20)}`,
    ],
  }))

/** By a run in which all took as long as it is going to take now. */
const foreseen = (instances: readonly Simulated[]): Forecast | undefined =>
  foresee(
    instances,
    {
      lastOk: { run: 'r-0006', startedAt: '2026-01-04T16:20:00.000Z' },
      ranSeconds: new Map(instances.map(({ id, seconds }) => [id, seconds])),
      lookedSeconds: new Map(),
    },
    () => true,
  )

const failing = changed(spoken(6), ({ id }) =>
  /install-runtime@edge-[2-6]/.test(id) ? { ends: unreachable('10.0.0.9') } : undefined,
)

export type Scenario = { readonly events: readonly Event[]; readonly options?: LiveOptions }

export const scenarios: Readonly<Record<string, Scenario>> = {
  'two-edges': { events: simulateRun(spoken(2)), options: { forecast: foreseen(spoken(2)) } },
  'two-hundred-edges': { events: simulateRun(spoken(200)), options: { forecast: foreseen(spoken(200)) } },
  failing: { events: simulateRun(failing) },
  'failing-ascii': { events: simulateRun(failing), options: { color: false, unicode: false } },
}
