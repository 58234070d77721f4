import type { Compared, Comparison } from './compare-measures.ts'
import { printableJson } from './json.ts'
import type { Report } from './report.ts'

/** The measures as one indented JSON object; of the run its outline only, since the journal has its instances. */
export function reportJson({ measures, comparison }: Report): string {
  const { run, criticalPath, phases, entities, ...rest } = measures
  const { instances, ...outline } = run
  const report = {
    run: outline,
    ...rest,
    entities: entities.map(({ name, phases: spans, total, criticalSeconds }) => ({
      name,
      phases: Object.fromEntries(spans.map((span, index) => [phases[index] ?? '', span])),
      total,
      criticalSeconds,
    })),
    criticalPath: {
      seconds: criticalPath.seconds,
      instances: criticalPath.instances.map(({ id, phase, seconds }) => ({ id, phase, seconds })),
    },
    ...(comparison ? { comparison: comparisonObject(comparison) } : {}),
  }
  return `${printableJson(report, toMilliseconds, 2)}\n`
}

function comparisonObject({ against, phases, entities, tasks, wall, criticalPath }: Comparison): object {
  const { instances, ...outline } = against.run
  return {
    against: outline,
    entities: entities.map(({ name, phases: its, total }) => ({
      name,
      phases: Object.fromEntries(its.map((one, index) => [phases[index] ?? '', flat(one)])),
      total: flat(total),
    })),
    tasks: tasks.map(({ task, ...medians }) => ({ task, ...flat(medians) })),
    wall: flat(wall),
    criticalPath: flat(criticalPath),
  }
}

/** null stands for what is not known, so that the keys are always the same. */
const flat = ({ span, againstSpan, differenceSeconds = Number.NaN, differencePercent = Number.NaN }: Compared) => ({
  seconds: span?.seconds ?? null,
  state: span?.state ?? null,
  againstSeconds: againstSpan?.seconds ?? null,
  againstState: againstSpan?.state ?? null,
  differenceSeconds,
  differencePercent,
})

/** Sums of floating point numbers would claim more than a clock in milliseconds knows. */
const toMilliseconds = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * 1000) / 1000 : value
