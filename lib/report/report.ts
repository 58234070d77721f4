import type { LogExcerpt } from '../event/log-excerpts.ts'
import { type Comparison, compareMeasures } from './compare-measures.ts'
import type { InstanceRecord, RunRecord } from './fold-run.ts'
import { reportHtml } from './html/report-html.ts'
import { type Measures, measureRun, type RunFacts } from './measure-run.ts'
import { reportCsv } from './report-csv.ts'
import { reportJson } from './report-json.ts'
import { reportJunit } from './report-junit.ts'
import { reportMarkdown } from './report-markdown.ts'
import { reportTable } from './report-table.ts'

/** What every format is made of; the run's own record is among the measures. */
export type Report = {
  readonly measures: Measures
  readonly facts: RunFacts
  readonly comparison?: Comparison
  readonly logs: LogsOf
}

/** The logs of those of the instances that have one, by id, together within bounds. */
export type LogsOf = (instances: readonly InstanceRecord[]) => ReadonlyMap<string, LogExcerpt>

/** A format is one line here. */
export const reportFormats = {
  table: reportTable,
  markdown: reportMarkdown,
  json: reportJson,
  csv: reportCsv,
  junit: reportJunit,
  html: reportHtml,
} as const satisfies Record<string, (report: Report) => string>

export type ReportFormat = keyof typeof reportFormats

export type ReportExtras = {
  /** A run to compare with. */
  readonly against?: RunRecord | undefined
  /** For the formats that show logs. */
  readonly logs?: LogsOf
}

/** How long what took, per entity and phase, per task, and along the critical path; ends in a line break. */
export function report(record: RunRecord, facts: RunFacts, format: ReportFormat, extras: ReportExtras = {}): string {
  const { against, logs = () => new Map() } = extras
  const measures = measureRun(record, facts)
  const comparison = against && compareMeasures(measures, measureRun(against, facts))
  return reportFormats[format]({ measures, facts, logs, ...(comparison ? { comparison } : {}) })
}
