// `bun test/report/html/picture.ts` makes docs/report.png anew: the report of the paper's lab, with simulated times.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { report } from '../../../lib/report/report.ts'
import { openBrowser } from './browser.ts'
import { referenceRun } from './reference-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'kedge-picture-'))
const page = await openBrowser(1200, 870)
try {
  const { record, facts, logs } = referenceRun()
  const path = join(folder, 'report.html')
  await Bun.write(path, report(record, facts, 'html', { logs: () => logs }))
  await page.prefersDark(false)
  await page.open(path)
  await Bun.write(join(import.meta.dir, '../../../docs/report.png'), await page.screenshot())
} finally {
  await page.close()
  rmSync(folder, { recursive: true, force: true })
}
