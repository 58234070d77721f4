import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SshLab, sshLab } from '../faults/ssh-lab.ts'

setDefaultTimeout(600_000)

let lab: SshLab
/** The run's ids, oldest first. */
let runs: readonly string[] = []

beforeAll(async () => {
  lab = sshLab()
  const tasks = (seconds: number) => `  big: { on: hypervisor, sh: 'seq -f "line %.0f" 20000' }
  mark: { on: hypervisor, needs: [big], phase: installation, sh: 'sleep ${seconds}; echo "</script><b>bold</b>"' }
  bad: { on: hypervisor, needs: [big], sh: 'echo no such disk >&2; exit 3' }
  after: { on: hypervisor, needs: [bad], sh: 'true' }
`
  for (const seconds of [0.1, 0.6]) {
    lab.config({}, tasks(seconds))
    expect((await lab.kedge('run', 'all')).exitCode).toBe(5)
  }
  runs = readdirSync(join(lab.folder, '.kedge/faults/runs')).sort()
  expect(runs).toHaveLength(2)
})
afterAll(() => lab?.remove())

const report = (...words: string[]) => lab.kedge('report', ...words)

test('--against compares two runs: seconds and percent, per task and entity', async () => {
  const [older = '', newer = ''] = runs
  const { stdout } = await report('--run', newer, '--against', older, '--json')
  const { comparison } = JSON.parse(stdout)
  expect(comparison.against.id).toBe(older)
  const mark = comparison.tasks.find(({ task }: { task: string }) => task === 'mark')
  expect(mark.differenceSeconds).toBeCloseTo(mark.seconds - mark.againstSeconds)
  expect(mark.differencePercent).toBeGreaterThan(0)
  expect(comparison.entities.map(({ name }: { name: string }) => name)).toEqual(['hypervisor', 'whole lab'])
  const shown = (await report('--run', newer, '--against', older)).stdout
  expect(shown).toContain(`that  ${older} of `)
  expect(shown).toMatch(/mark +median .*\+\d/)
})

test('the page carries every log, of a large one the first and last part with its path, and nothing of it is obeyed', async () => {
  const path = join(lab.folder, 'out/report.html')
  mkdirSync(join(lab.folder, 'out'))
  // An older one is replaced, where a link leads.
  writeFileSync(path, 'older', { mode: 0o600 })
  symlinkSync('out/report.html', join(lab.folder, 'link.html'))
  expect(await report('--format', 'html', '--run', runs[1] ?? '', '-o', 'link.html')).toMatchObject({
    exitCode: 0,
    stdout: '',
  })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(lab.folder, 'out'))).toEqual(['report.html'])
  const page = lab.read('out/report.html')
  expect(page).toContain(`runs/${runs[1]}/big@hypervisor.log`)
  const logs = [...page.matchAll(/<script type="application\/json" id="log-\d+">(.*?)<\/script>/gs)].map(
    ([, json = '']) => JSON.parse(json),
  )
  expect(logs).toHaveLength(3)
  const big = logs.find(({ tail }) => tail)
  expect(big.head.join('\n')).toContain('line 1\n')
  expect(big.tail.join('\n')).toContain('line 20000')
  expect(big.tail.join('\n')).not.toContain('line 10000\n')
  expect(logs.some(({ head }) => head.join('\n').includes('</script><b>bold</b>'))).toBe(true)
  expect(page).not.toContain('<b>bold')
})

test('junit has what failed, and what that held back', async () => {
  const { stdout } = await report('--format', 'junit')
  expect(stdout).toContain('tests="4" failures="1" errors="0" skipped="1"')
  expect(stdout).toContain('no such disk')
})

test('what cannot be is said with what can be', async () => {
  const [older = ''] = runs
  const unknown = await report('--against', `${older.slice(0, -1)}x`)
  expect([unknown.exitCode, unknown.stdout]).toEqual([2, ''])
  expect(unknown.stderr).toMatch(/there is no run \S+x; did you mean \d{8}-/)
  expect((await report('--run', 'nosuch')).stderr).toContain(`the newest are ${runs[1]}, ${runs[0]}`)
  const nowhere = await report('-o', join(lab.folder, 'no/such/folder/report.txt'))
  expect([nowhere.exitCode, nowhere.stderr.includes('cannot be written')]).toEqual([2, true])
  expect(existsSync(join(lab.folder, 'no'))).toBe(false)
  const fresh = await lab.kedge('--state', 'fresh', 'report')
  expect([fresh.exitCode, fresh.stderr.includes('`kedge run all` builds it')]).toEqual([2, true])
})
