import { type Measures, medianSpan, type Span } from './measure-run.ts'

/** One figure of both runs. A span is absent where that run knows nothing of the name. */
export type Compared = {
  readonly span?: Span
  readonly againstSpan?: Span
  /** This run less the other; only where something ran in both. */
  readonly differenceSeconds?: number
  /** Of the other run's seconds; absent where those are 0. */
  readonly differencePercent?: number
}

export type Comparison = {
  readonly measures: Measures
  readonly against: Measures
  /** Every entity of either run; its phases in the order of `phases`. */
  readonly phases: readonly string[]
  readonly entities: readonly {
    readonly name: string
    readonly phases: readonly Compared[]
    readonly total: Compared
  }[]
  /** By the median over the nodes where it ran to a good end. */
  readonly tasks: readonly ({ readonly task: string } & Compared)[]
  readonly wall: Compared
  readonly criticalPath: Compared
}

/** What only the other run has comes last. */
export function compareMeasures(measures: Measures, against: Measures): Comparison {
  const phases = union(measures.phases, against.phases)
  const entityOf = (from: Measures, name: string) => from.entities.find((entity) => entity.name === name)
  const phaseOf = (from: Measures, name: string, phase: string) =>
    entityOf(from, name)?.phases[from.phases.indexOf(phase)]
  const taskOf = (from: Measures, name: string) => {
    const times = from.tasks.find(({ task }) => task === name)
    return times && medianSpan(times)
  }
  const names = union(
    measures.entities.map(({ name }) => name),
    against.entities.map(({ name }) => name),
  )
  const tasks = union(
    measures.tasks.map(({ task }) => task),
    against.tasks.map(({ task }) => task),
  )
  return {
    measures,
    against,
    phases,
    entities: names.map((name) => ({
      name,
      phases: phases.map((phase) => compared(phaseOf(measures, name, phase), phaseOf(against, name, phase))),
      total: compared(entityOf(measures, name)?.total, entityOf(against, name)?.total),
    })),
    tasks: tasks.map((task) => ({ task, ...compared(taskOf(measures, task), taskOf(against, task)) })),
    wall: compared(wallOf(measures), wallOf(against)),
    criticalPath: compared(pathOf(measures), pathOf(against)),
  }
}

function compared(span: Span | undefined, againstSpan: Span | undefined): Compared {
  const spans = { ...(span ? { span } : {}), ...(againstSpan ? { againstSpan } : {}) }
  if (!hasRun(span) || !hasRun(againstSpan)) return spans
  const differenceSeconds = span.seconds - againstSpan.seconds
  if (againstSpan.seconds === 0) return { ...spans, differenceSeconds }
  return { ...spans, differenceSeconds, differencePercent: (differenceSeconds / againstSpan.seconds) * 100 }
}

/** What was held back, or failed everywhere, has no seconds that would say anything. */
const hasRun = (span: Span | undefined): span is Span =>
  span?.state === 'built' || (span?.state === 'incomplete' && span.seconds > 0)

const stateOf = ({ run }: Measures): Span['state'] => (run.result === 'ok' ? 'built' : 'incomplete')
const wallOf = (measures: Measures): Span => ({ seconds: measures.wallSeconds, state: stateOf(measures) })
const pathOf = (measures: Measures): Span => ({ seconds: measures.criticalPath.seconds, state: stateOf(measures) })

const union = (these: readonly string[], those: readonly string[]): readonly string[] => [
  ...new Set([...these, ...those]),
]
