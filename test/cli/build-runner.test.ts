import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { nodeOn, type SshLab, sshLab } from '../faults/ssh-lab.ts'
import { type Sshd, startSshd } from '../host/sshd.ts'

// Not a promise about speed: a busy machine may take its time.
setDefaultTimeout(300_000)

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-build-'))
})
const made: string[] = []
beforeEach(() => void made.push(folder))
afterAll(() => {
  for (const each of made) rmSync(each, { recursive: true, force: true })
})

const put = (name: string, text: string) => writeFileSync(join(folder, name), text)
const lab = (tasks: string) => put('kedge.config.yaml', `version: 1\nlab: build\nextends: none\ntasks:\n${tasks}`)
const run = (...words: string[]) => runHere(folder, ['run', 'all', ...words])
const plan = async () => (await runHere(folder, ['plan'])).stdout

/** Which tasks ran, with why. */
async function ran(): Promise<Readonly<Record<string, string>>> {
  const { stdout, exitCode } = await run('--json')
  expect(exitCode).toBe(0)
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return Object.fromEntries(events.filter(({ type }) => type === 'task-started').map(({ task, why }) => [task, why]))
}

describe('a small C project', () => {
  beforeEach(() => {
    mkdirSync(join(folder, 'src'))
    put('src/main.c', '#include "greeting.h"\n#include <stdio.h>\nint main(void) { puts(GREETING); }\n')
    put('src/other.c', 'int other(void) { return 0; }\n')
    put('src/greeting.h', '#define GREETING "good day"\n')
    lab(`
  compile-main:  { on: hypervisor, inputs: [src/main.c, 'src/*.h'], outputs: main.o, sh: gcc -c src/main.c }
  compile-other: { on: hypervisor, inputs: src/other.c, outputs: other.o, sh: gcc -c src/other.c }
  link: { on: hypervisor, needs: [compile-main, compile-other], inputs: ['*.o'], outputs: hello, sh: gcc -o hello main.o other.o }
`)
  })

  test('is built once, and again as far as what it is made of has changed', async () => {
    expect(Object.keys(await ran()).sort()).toEqual(['compile-main', 'compile-other', 'link'])
    expect(Bun.spawnSync([join(folder, 'hello')]).stdout.toString()).toBe('good day\n')
    expect(await ran()).toEqual({})

    // A time is no content.
    utimesSync(join(folder, 'src/main.c'), new Date(), new Date())
    expect(await ran()).toEqual({})

    put('src/greeting.h', '#define GREETING "hello"\n')
    expect(await plan()).toContain('compile-main  since it was done its input files changed: src/greeting.h changed')
    expect(await ran()).toEqual({ 'compile-main': 'src/greeting.h changed', link: 'main.o changed' })
    expect(Bun.spawnSync([join(folder, 'hello')]).stdout.toString()).toBe('hello\n')

    rmSync(join(folder, 'other.o'))
    // Made again it is what it was, and so there is nothing to link.
    expect(await ran()).toEqual({ 'compile-other': 'output other.o is missing' })

    put('src/more.h', '')
    expect(await ran()).toEqual({ 'compile-main': 'src/more.h is new' })
    rmSync(join(folder, 'src/more.h'))
    expect(await ran()).toEqual({ 'compile-main': 'src/more.h is gone' })

    // What is known of it lies in the state alone.
    rmSync(join(folder, '.kedge'), { recursive: true })
    expect(Object.keys(await ran()).sort()).toEqual(['compile-main', 'compile-other', 'link'])
  })

  test('a run that failed counts as none, also when the file is again what it was', async () => {
    await ran()
    put('src/other.c', 'int other(void) { return }\n')
    expect(await run()).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('expected expression') })
    put('src/other.c', 'int other(void) { return 0; }\n')
    expect(await plan()).toContain('compile-other  failed the last time: its last run did not end well')
    expect(await ran()).toEqual({ 'compile-other': 'its last run did not end well' })
    expect(await ran()).toEqual({})
  })
})

test('its own text counts, and several changes are counted after the third', async () => {
  const task = (word: string) => lab(`  note: { on: hypervisor, inputs: '*.txt', sh: 'echo ${word} >> log' }\n`)
  task('one')
  put('a.txt', '')
  expect(await ran()).toEqual({ note: 'there is no run of it on record' })
  task('two')
  for (const name of ['b.txt', 'c.txt', 'd.txt', 'e.txt']) put(name, '')
  expect(await ran()).toEqual({
    note: 'what the lab file says of it, or its own file, changed, b.txt is new, c.txt is new, and 2 more',
  })
  expect(await ran()).toEqual({})
  expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('one\ntwo\n')
})

test('with a check both must say that it is done; --force runs it all the same', async () => {
  lab("  make: { on: hypervisor, inputs: a, outputs: b, sh: 'cp a b; echo >> log', check: 'test -s ok' }\n")
  put('a', '1')
  expect((await run()).stderr).toContain('`test -s ok` ended with 1')
  put('ok', 'yes')
  expect(await ran()).toEqual({ make: 'its last run did not end well' })
  expect(await ran()).toEqual({})
  put('a', '2')
  expect(await ran()).toEqual({ make: 'a changed' })
  put('ok', '')
  expect((await run()).exitCode).toBe(5)
  put('ok', 'yes')
  await run('--force')
  expect(readFileSync(join(folder, 'log'), 'utf8')).toHaveLength(5)
})

test('an output that the command does not make is its failure, and an input that is not there too', async () => {
  lab("  make: { on: hypervisor, inputs: a, outputs: b, sh: 'true' }\n")
  expect(await run()).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('its input a is not there') })
  put('a', '')
  expect(await run()).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('output b is missing') })
})

test('what changes while it runs counts as changed since', async () => {
  lab("  make: { on: hypervisor, inputs: a, sh: 'echo >> a' }\n")
  put('a', '')
  expect(Object.keys(await ran())).toEqual(['make'])
  expect(await ran()).toEqual({ make: 'a changed' })
})

describe('on a machine over SSH', () => {
  let sshd: Sshd
  let there: SshLab
  beforeAll(async () => {
    sshd = await startSshd()
    there = sshLab([sshd])
  })
  afterAll(async () => {
    there?.remove()
    await sshd?.stop()
  })

  test('one-liners and scripts with env, timeout and check; inputs and outputs are the files there', async () => {
    const far = join(there.folder, 'far')
    mkdirSync(far)
    writeFileSync(join(far, 'in.txt'), 'good day\n')
    mkdirSync(join(there.folder, 'scripts'))
    writeFileSync(
      join(there.folder, 'scripts/count.mjs'),
      `import { doneIf, task } from 'kedge'
export default task({
  description: 'Count',
  check: async ({ $ }) => doneIf((await $\`test -e ${far}/count\`.nothrow()).exitCode === 0, 'not counted'),
  run: async ({ $ }) => void (await $\`wc -c < ${far}/out.txt > ${far}/count; echo "$UNIT" >> ${far}/count\`),
})
`,
    )
    there.config(
      { far: nodeOn(sshd) },
      `
  shout: { on: far, env: { SIGN: '!' }, timeout: 1m, inputs: ['${far}/*.txt'], outputs: ['${far}/out.txt'], sh: 'sed "s/$/$SIGN/" ${far}/in.txt > ${far}/out.txt' }
  count: { on: far, needs: [shout], env: { UNIT: bytes }, script: ./scripts/count.mjs, inputs: '${far}/out.txt', outputs: '${far}/count' }
  fetch: { on: hypervisor, needs: [count], sh: 'cp ${far}/count here', check: 'cmp -s ${far}/count here' }
`,
    )
    const finished = async () => {
      const { exitCode, stdout, stderr } = await there.kedge('run', 'all', '--json')
      if (exitCode !== 0) throw new Error(stderr)
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      return events.flatMap(({ type, id }) => (type === 'task-finished' ? [id] : []))
    }
    expect(await finished()).toEqual(['shout@far', 'count@far', 'fetch@hypervisor'])
    expect(there.read('here')).toBe('10\nbytes\n')
    expect(await finished()).toEqual([])
    writeFileSync(join(far, 'in.txt'), 'hello\n')
    expect(await finished()).toEqual(['shout@far', 'count@far', 'fetch@hypervisor'])
    expect(there.read('here')).toBe('7\nbytes\n')
    expect(existsSync(join(far, '.kedge'))).toBe(false)
  })
})
