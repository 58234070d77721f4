import { afterAll, describe, expect, test } from 'bun:test'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { labFileAbove } from '../../lib/cli/lab-file-above.ts'

const made: string[] = []
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})

const me = { uid: process.getuid?.() ?? 0 }
const text = (name: string) =>
  `version: 1\nlab: ${name}\nextends: none\ntasks:\n  note: { on: hypervisor, sh: 'pwd -P > where', outputs: where }\n`

/** A folder with a lab file, and in it `a/b`. */
function nested(name = 'outer'): { readonly top: string; readonly inner: string } {
  const top = mkdtempSync(join(tmpdir(), 'kedge-above-'))
  made.push(top)
  writeFileSync(join(top, 'kedge.config.yaml'), text(name))
  const inner = join(top, 'a/b')
  mkdirSync(inner, { recursive: true })
  return { top, inner }
}

describe('from a folder below the lab file', () => {
  test('it is found and named; commands run in its folder, and the state stays beside it', async () => {
    const { top, inner } = nested()
    const first = await runHere(inner, ['run', 'all'])
    expect(first).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('using ../../kedge.config.yaml\n') })
    expect(readFileSync(join(top, 'where'), 'utf8').trim()).toBe(top)
    expect([existsSync(join(top, '.kedge/outer/journal.sqlite')), existsSync(join(inner, '.kedge'))]).toEqual([
      true,
      false,
    ])
    expect((await runHere(join(top, 'a'), ['plan'])).stdout).toContain('nothing to do, 1 done')
  })

  test('so do the other commands', async () => {
    const { inner } = nested()
    await runHere(inner, ['run', 'all', '-q'])
    for (const words of ['tasks', 'graph', 'plan --offline -v', 'logs', 'report', 'help note']) {
      const stdout = expect.stringMatching(words === 'logs' ? 'pwd -P' : 'note')
      expect({ words, ...(await runHere(inner, words.split(' '))) }).toEqual({
        words,
        exitCode: 0,
        stdout,
        stderr: 'using ../../kedge.config.yaml\n',
      })
    }
  })

  test('names are completed, and nothing is said', async () => {
    const { inner } = nested()
    expect(await runHere(inner, ['__complete', 'fish', 'run', ''])).toMatchObject({
      stdout: expect.stringContaining('note'),
      stderr: '',
    })
  })

  test('the nearest one counts, one here without a word, and -c looks nowhere else', async () => {
    const { top, inner } = nested()
    writeFileSync(join(top, 'a/kedge.config.yaml'), text('nearer'))
    const labOf = async (folder: string, ...words: string[]) => {
      const { stdout, stderr } = await runHere(folder, [...words, 'plan', '--offline', '--json'])
      return [stdout === '' ? undefined : JSON.parse(stdout).lab, stderr]
    }
    expect(await labOf(inner)).toEqual(['nearer', 'using ../kedge.config.yaml\n'])
    expect(await labOf(join(top, 'a'))).toEqual(['nearer', ''])
    expect(await labOf(inner, '-q')).toEqual(['nearer', ''])
    expect(await labOf(inner, '-c', '../../kedge.config.yaml')).toEqual(['outer', ''])
    expect((await runHere(inner, ['-c', 'kedge.config.yaml', 'plan', '--offline'])).exitCode).toBe(3)
  })

  test('a mistake in it is shown with its path from here', async () => {
    const { top, inner } = nested()
    writeFileSync(join(top, 'kedge.config.yaml'), 'version: [\n')
    const { exitCode, stderr } = await runHere(inner, ['plan'])
    expect([exitCode, stderr.includes(`${join(top, 'kedge.config.yaml')}:`)]).toEqual([3, true])
  })
})

describe('whose it is', () => {
  test('mine, root’s, or that of who called sudo: anybody else’s is refused, also behind a link', () => {
    const { top, inner } = nested()
    const file = join(top, 'kedge.config.yaml')
    expect(labFileAbove(inner, me)).toBe(file)
    const other = { uid: me.uid + 4711 }
    const refusal = (caller: Parameters<typeof labFileAbove>[1]) => {
      try {
        return labFileAbove(inner, caller)
      } catch (error) {
        return (error as Error).message
      }
    }
    if (me.uid === 0) {
      expect(refusal(other)).toBe(file)
      chownSync(file, 4711, 4711)
      expect(refusal({ uid: 0, asked: 4711 })).toBe(file)
      expect(refusal({ uid: 4711 })).toBe(file)
      expect(refusal(me)).toBe(
        `${file} belongs to somebody else, and it would say what is run here; if it is to be used: -c ../../kedge.config.yaml`,
      )
      symlinkSync(file, join(top, 'a/kedge.config.yaml'))
      expect(refusal(me)).toContain('belongs to somebody else')
    } else expect(refusal(other)).toContain('belongs to somebody else')
  })
})

test('another file system ends the search', async () => {
  if (me.uid !== 0) return
  const { inner, top } = nested()
  const mount = Bun.spawnSync([
    'unshare',
    '-m',
    'sh',
    '-c',
    `mount -t tmpfs none ${inner} && mkdir ${inner}/c && exec "$@"`,
    'sh',
    process.execPath,
    '-e',
    `const { labFileAbove } = await import(${JSON.stringify(join(import.meta.dir, '../../lib/cli/lab-file-above.ts'))}); console.log(labFileAbove(${JSON.stringify(`${inner}/c`)}, { uid: 0 }) ?? 'none', labFileAbove(${JSON.stringify(join(top, 'a'))}, { uid: 0 }))`,
  ])
  expect(mount.stdout.toString().trim()).toBe(`none ${join(top, 'kedge.config.yaml')}`)
})
