import { printableJson } from './json.ts'
import type { Measures } from './measure-run.ts'

/** The measures as one indented JSON object; of the run its outline only, since the journal has its instances. */
export function reportJson(measures: Measures): string {
  const { run, criticalPath, phases, entities, ...rest } = measures
  const { instances, ...outline } = run
  const report = {
    run: outline,
    ...rest,
    entities: entities.map(({ name, phases: spans, total }) => ({
      name,
      phases: Object.fromEntries(spans.map((span, index) => [phases[index] ?? '', span])),
      total,
    })),
    criticalPath: {
      seconds: criticalPath.seconds,
      instances: criticalPath.instances.map(({ id, phase, seconds }) => ({ id, phase, seconds })),
    },
  }
  return `${printableJson(report, toMilliseconds, 2)}\n`
}

/** Sums of floating point numbers would claim more than a clock in milliseconds knows. */
const toMilliseconds = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
