import { expect, test } from 'bun:test'
import { foldRun } from '../../lib/report/fold-run.ts'
import { report } from '../../lib/report/report.ts'
import { hostileRun, readable } from './html/hostile-run.ts'
import { changed, factsOf, joinRefused, lab } from './sample-labs.ts'
import { simulateRun } from './simulated-run.ts'

/** As a reader of JUnit's XML that CI systems use has it: the suite's counts, and how each case ended with its text. */
function read(text: string) {
  const program = `
import json, sys
from junitparser import JUnitXml
suites = JUnitXml.fromstring(sys.stdin.buffer.read())
out = []
for suite in suites:
    cases = [[c.classname, c.name, c.time, [[type(r).__name__, r.message, r.text] for r in c.result], c.system_out] for c in suite]
    counted = (suite.tests, suite.failures, suite.errors, suite.skipped)
    suite.update_statistics()
    out.append([suite.name, counted, (suite.tests, suite.failures, suite.errors, suite.skipped), cases])
print(json.dumps(out))`
  const { stdout, stderr } = Bun.spawnSync(['/usr/bin/python3', '-c', program], { stdin: Buffer.from(text) })
  expect(stderr.toString()).toBe('')
  type Case = [string, string, number, [string, string, string | null][], string | null]
  return JSON.parse(stdout.toString()) as [string, number[], number[], Case[]][]
}

test('a well-known reader finds a case per task and node, and counts as the file does', () => {
  const instances = changed(lab(2), ({ id }) =>
    id === 'join-edge@edge-2'
      ? { ends: joinRefused('edge-2', '192.168.24.9') }
      : id.startsWith('disable-swap')
        ? { ends: 'already-done', seconds: 0.1 }
        : undefined,
  )
  const suites = read(report(foldRun(simulateRun(instances)), factsOf(instances), 'junit'))
  expect(suites).toHaveLength(1)
  const [name, written, counted, cases = []] = suites[0] ?? []
  expect(name).toBe('kedge run r-0007, lab paper')
  expect(written).toEqual([24, 1, 0, 2])
  expect(counted).toEqual([24, 1, 0, 2])
  const of = (node: string, task: string) => cases.find(([classname, one]) => classname === node && one === task)
  expect(of('master', 'init-cluster')).toEqual(['master', 'init-cluster', 74, [], null])
  expect(of('edge-1', 'disable-swap')?.[4]).toBe('was so already')
  const [kind, message, text] = of('edge-2', 'join-edge')?.[3][0] ?? []
  expect([kind, message]).toEqual(['Failure', 'keadm join ended with 1 on edge-2'])
  for (const line of ['exit code: 1', 'cure: kedge run get-token --force', 'token is expired'])
    expect(text).toContain(line)
  expect(of('edge-2', 'verify')?.[3]).toEqual([['Skipped', 'waits for join-edge@edge-2, which failed', null]])
})

test('whatever a node says, the file can be read and says the same', () => {
  const { record, facts } = hostileRun()
  const [[, , , cases] = []] = read(report(record, facts, 'junit'))
  expect(cases?.[0]?.[3][0]?.[1]).toBe(readable)
  expect(cases?.[0]?.[3][0]?.[2]).toContain(`cause: ${readable}`)
})
