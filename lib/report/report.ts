import type { RunRecord } from './fold-run.ts'
import { type Measures, measureRun, type RunFacts } from './measure-run.ts'
import { reportCsv } from './report-csv.ts'
import { reportJson } from './report-json.ts'
import { reportMarkdown } from './report-markdown.ts'
import { reportTable } from './report-table.ts'

/** A format is one line here; each gets the measures, the run's own record among them. */
export const reportFormats = {
  table: reportTable,
  markdown: reportMarkdown,
  json: reportJson,
  csv: reportCsv,
} as const satisfies Record<string, (measures: Measures) => string>

export type ReportFormat = keyof typeof reportFormats

/** How long what took, per entity and phase, per task, and along the critical path; ends in a line break. */
export const report = (record: RunRecord, facts: RunFacts, format: ReportFormat): string =>
  reportFormats[format](measureRun(record, facts))
