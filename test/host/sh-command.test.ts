import { afterAll, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { localConnection } from '../../lib/host/local.ts'
import { shCommand } from '../../lib/host/sh-command.ts'
import { strictly, verbatim } from '../../lib/host/shell.ts'

const folder = mkdtempSync(join(tmpdir(), 'kedge-sh-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const given = (script: string, env: Readonly<Record<string, string>> = {}) =>
  shCommand(`${strictly}${script}`, { cwd: folder, env: { PATH: path, ...env } })

test('one command of plain words is for sh, which is replaced by the program', () => {
  expect(given('true')).toBe('true')
  expect(given('test -s /opt/model.bin\n')).toBe('test -s /opt/model.bin')
  expect(given('cp /media/model.bin /opt/')).toBe('exec cp /media/model.bin /opt/')
  expect(given(' /bin/cat  --number a=b ')).toBe('exec /bin/cat  --number a=b')
})

test.each([
  'true; true',
  'true && true',
  'cat *',
  'cat $HOME',
  'cat ~',
  "cat 'a'",
  'cat a > b',
  'cat a\ncat b',
  'cat a\tb',
  'cat {a,b}',
  'cat a \\',
  'A=b cat a',
  '%1',
  '! true',
  'echo -e a',
  'exec cat',
  'kill 1',
  'printf a',
  'test -v HOME',
  'test a == b',
  'time cat a',
  'no-such-program-anywhere',
  './no-such-file',
])('%j is for bash', (script) => {
  expect(given(script)).toBeUndefined()
})

test('a long one takes another way, to bash', () => {
  expect(given(`cat ${'a'.repeat(5000)}`)).toBeUndefined()
})

test('where the environment holds what the two treat differently, or a call says how it is to be run, it is for bash', () => {
  for (const name of ['BASH_FUNC_cat%%', 'BASHOPTS', 'SHELLOPTS', 'with.dot', 'with-dash'])
    expect(given('cat a', { [name]: 'x' })).toBeUndefined()
  expect(shCommand('cat a', { cwd: folder, env: { PATH: path } })).toBeUndefined()
  expect(shCommand(`${strictly}cat a`, { cwd: folder, env: {} })).toBeUndefined()
})

test('a script is for bash, and what may not be run', () => {
  for (const [name, text, mode] of [
    ['no-first-line', '[[ a == a ]]\n', 0o755],
    ['with-first-line', '#!/no/such/interpreter\n', 0o755],
    ['not-to-be-run', '\x7fELF', 0o644],
  ] as const) {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
    expect(given(`./${name}`)).toBeUndefined()
  }
})

test('either shell ends, prints and complains alike', async () => {
  const { $ } = localConnection().bind({ signal: new AbortController().signal, onOutput: () => {}, cwd: folder })
  const ends = async (script: string, prefix: string) => {
    const { exitCode, signal, stdout, stderr } = await $({ nothrow: true, prefix })(verbatim(script))
    return { script, exitCode, signal, stdout, stderr }
  }
  for (const script of ['true', 'false', 'test -e .', 'test -f .', 'cat no-such-file', 'expr 1 + 1', 'no-such-program'])
    expect(await ends(script, strictly)).toEqual(await ends(script, `${strictly} `))
})

test('the program takes the place of its shell, and carries the mark of its command with the number of its group', async () => {
  const { $ } = localConnection().bind({ signal: new AbortController().signal, onOutput: () => {} })
  const itself = $`readlink /proc/self`
  expect((await itself).stdout).toBe(`${itself.pid}\n`)
  const shown = $`env`
  expect((await shown).lines().find((line) => line.startsWith('KEDGE_COMMAND='))).toMatch(
    new RegExp(`^KEDGE_COMMAND=kedge-[0-9a-f]{16}\\.\\d+\\.${shown.pid}$`),
  )
})
