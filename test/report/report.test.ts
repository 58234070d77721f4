import { expect, test } from 'bun:test'
import { foldRun } from '../../lib/report/fold-run.ts'
import { report } from '../../lib/report/report.ts'
import { factsOf } from './sample-labs.ts'
import { type Simulated, simulateRun } from './simulated-run.ts'

const awkward: readonly Simulated[] = [
  { id: '=cmd|calc@master', phase: 'configuration', waitsFor: [], seconds: 1 },
  { id: 'a,"b"@master', phase: 'configuration', waitsFor: [], seconds: 1 },
]
const record = foldRun(simulateRun(awkward))

test('csv quotes, and no spreadsheet takes a name for a formula', () => {
  const lines = report(record, factsOf(awkward), 'csv').split('\n')
  expect(lines).toContain("task,'=cmd|calc,configuration,,built,1,,1.000,1.000,1.000")
  expect(lines).toContain('task,"a,""b""",configuration,,built,1,,1.000,1.000,1.000')
})

test('markdown keeps a name from breaking its table', () => {
  expect(report(record, factsOf(awkward), 'markdown')).toContain('| =cmd\\|calc | configuration |')
})

test('json holds what the table shows, to the millisecond', () => {
  const { entities, wallSeconds, criticalPath } = JSON.parse(report(record, factsOf(awkward), 'json'))
  expect(entities[0]).toEqual({
    name: 'Kubernetes cluster',
    phases: { configuration: { seconds: 1, state: 'built' }, installation: { seconds: 0, state: 'none' } },
    total: { seconds: 1, state: 'built' },
    criticalSeconds: 1,
  })
  expect([wallSeconds, criticalPath.seconds]).toEqual([1, 1])
})
