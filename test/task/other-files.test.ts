import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localConnection } from '../../lib/host/local.ts'
import { otherFiles } from '../../lib/task/other-files.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-other-files-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('files that are missing, longer, shorter or another are named, those as wanted are not', async () => {
  const commands: string[] = []
  const { $ } = localConnection().bind({
    signal: new AbortController().signal,
    onOutput: (stream, line) => stream === 'command' && commands.push(line),
  })
  const at = (name: string) => join(folder, name)
  writeFileSync(at('same'), 'ä = 1\n')
  writeFileSync(at('a name'), '')
  writeFileSync(at('longer'), 'a = 1\n\n')
  writeFileSync(at('other'), 'a = 2\n')
  const wanted = Object.fromEntries(['missing', 'longer', 'other'].map((name) => [at(name), 'a = 1\n']))
  const found = await otherFiles({ $ } as never, { ...wanted, [at('same')]: 'ä = 1\n', [at('a name')]: '' })
  expect(found).toEqual(Object.keys(wanted))
  expect(commands).toHaveLength(1)
})
