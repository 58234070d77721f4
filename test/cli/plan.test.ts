import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { lockLab } from '../../lib/event/lab-lock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-plan-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const tasks = {
  a: "{ on: hypervisor, sh: 'touch a', check: 'test -e a' }",
  b: "{ on: hypervisor, needs: [a], sh: 'touch b', check: 'test -e b' }",
}
const config = (own: Readonly<Record<string, string>>, rest = '') =>
  writeFileSync(
    join(folder, 'kedge.config.yaml'),
    `version: 1\nlab: plain\nextends: none\ntasks:\n${Object.entries(own)
      .map(([name, text]) => `  ${name}: ${text}\n`)
      .join('')}${rest}`,
  )
const kedge = (...words: string[]) => runHere(folder, words)
const plan = async (...words: string[]) => (await kedge('plan', ...words)).stdout
const remove = (...names: string[]) => {
  for (const name of names) rmSync(join(folder, name))
}

describe('kedge plan', () => {
  test('says what a run would do, then does it, and then there is nothing to do', async () => {
    config(tasks)
    expect(await plan()).toBe(
      'hypervisor\n  + a  not run yet: `test -e a` ended with 1\n  + b  not run yet: `test -e b` ended with 1\n\n2 to do, 0 done\n',
    )
    expect((await kedge('run', 'all')).exitCode).toBe(0)
    expect(await plan()).toBe('hypervisor\n  = 2 done\n\nnothing to do, 2 done\n')
    expect(await plan('-v')).toBe('hypervisor\n  = a\n  = b\n\nnothing to do, 2 done\n')
  })

  test('what somebody has undone has drifted; what the file says anew is to be done', async () => {
    config(tasks)
    await kedge('run', 'all')
    remove('a', 'b')
    config({ ...tasks, b: "{ on: hypervisor, needs: [a], sh: 'touch b c', check: 'test -e b -a -e c' }" })
    expect(await plan()).toBe(
      'hypervisor\n  ~ a  `test -e a` ended with 1\n  + b  since it was done this task changed: `test -e b -a -e c` ended with 1\n\n1 to do, 1 drifted, 0 done\n',
    )
    expect(await plan('--offline')).toMatch(
      /^No host was asked: this is what the journal knows, \d+ s old \(run \S+, to \S+Z\)\.\n\nhypervisor\n {2}\? b {2}since it was done this task changed\n {2}= 1 done\n\n0 to do, 1 done, 1 not known\n$/,
    )
  })

  test('a drift is one also after the file has changed, once a run has found it done so', async () => {
    config(tasks)
    await kedge('run', 'all')
    config({
      ...tasks,
      a: "{ on: hypervisor, sh: 'touch ./a', check: 'test -e ./a' }",
      c: "{ on: hypervisor, sh: 'true' }",
    })
    await kedge('run', 'a', 'c')
    remove('a')
    expect(await plan()).toBe(
      'hypervisor\n  ~ a  `test -e ./a` ended with 1\n  + c  has no check, so it always runs\n  = 1 done\n\n1 to do, 1 drifted, 1 done\n',
    )
  })

  test('--force: the named task alone, as the run does', async () => {
    config(tasks)
    await kedge('run', 'all')
    expect(await plan('b', '--force')).toBe('hypervisor\n  + b  done, and forced\n  = 1 done\n\n1 to do, 1 done\n')
    const { stdout } = await kedge('run', 'b', '--force', '--json')
    const began = stdout.split('\n').filter((line) => line.includes('"task-started"'))
    expect(began.map((line) => JSON.parse(line).id)).toEqual(['b@hypervisor'])
  })

  test('--offline asks nothing, makes nothing, and says so of a lab that was never run', async () => {
    config({ a: "{ on: hypervisor, sh: 'touch a', check: 'touch asked; test -e a' }" })
    expect(await plan('--offline')).toBe(
      'No host was asked, and no run is in the journal.\n\nhypervisor\n  + a  not run yet\n\n1 to do, 0 done\n',
    )
    expect(readdirSync(folder)).toEqual(['kedge.config.yaml'])
  })

  test('JSON is what --help says it is', async () => {
    config(tasks)
    await kedge('run', 'all')
    remove('b')
    expect(JSON.parse(await plan('--json'))).toEqual({
      lab: 'plain',
      offline: false,
      summary: { pending: 0, drifted: 1, done: 1, unknown: 0 },
      removed: [],
      instances: [
        expect.objectContaining({ id: 'a@hypervisor', state: 'done', waitsFor: [], after: [], changed: [], why: '' }),
        {
          id: 'b@hypervisor',
          task: 'b',
          node: 'hypervisor',
          phase: 'configuration',
          waitsFor: ['a@hypervisor'],
          timeoutSeconds: 300,
          retries: 0,
          state: 'drifted',
          reason: 'drifted',
          why: '`test -e b` ended with 1',
          after: [],
          changed: [],
        },
      ],
    })
    expect(JSON.parse(await plan('--offline', '--json'))).toMatchObject({
      offline: true,
      asOf: expect.stringMatching(/Z$/),
    })
  })

  test('a host that does not answer is no knowledge, exit 4, with what to do', async () => {
    config(
      { a: "{ on: pi, sh: 'true', check: 'true' }" },
      'nodes: { pi: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: pi }, cloudcore: 127.0.0.1 } }\n',
    )
    const { exitCode, stdout } = await kedge('plan')
    expect(exitCode).toBe(4)
    expect(stdout).toMatch(/^pi\n {2}\? a {2}.*127\.0\.0\.1.*\n/)
    expect(stdout).toContain('0 to do, 0 done, 1 not known\n')
  })

  test('somebody who works on the lab is named', async () => {
    config(tasks)
    mkdirSync(join(folder, '.kedge/plain'), { recursive: true })
    const lock = lockLab(join(folder, '.kedge/plain'), 'kedge run all')
    try {
      expect(await plan()).toMatch(
        /^`kedge run all`, process \d+ on \S+, works on the lab since \S+Z: what it does is not done yet\.\n/,
      )
    } finally {
      if (lock.ok) lock.release()
    }
    expect(await plan()).toStartWith('hypervisor\n')
  })

  test('in a terminal lines are broken between words, and coloured', async () => {
    config({
      a: "{ on: hypervisor, sh: 'true', check: 'test -e a-file-of-some-name -o -e another-file-of-some-name' }",
    })
    const { stdout } = await runHere(folder, ['plan'], { columns: 60 })
    expect(stdout).toContain('\u001b[32m')
    for (const line of stdout.split('\n')) expect(Bun.stringWidth(Bun.stripANSI(line))).toBeLessThanOrEqual(60)
    expect((await runHere(folder, ['plan'], { columns: 60, env: { NO_COLOR: '1' } })).stdout).not.toContain('\u001b')
  })
})

describe('a node that the file no longer names', () => {
  const nodes = (text: string) => `nodes: { ${text} }\n`
  const pi = (name: string) =>
    `${name}: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: pi }, cloudcore: 127.0.0.1 }`
  const both = { a: "{ on: nodes, sh: 'true', check: 'true' }" }

  test('is shown with the command that ends it, which does, and is shown no more', async () => {
    config(both, nodes(`${pi('one')}, ${pi('two')}`))
    // Neither answers, and the journal knows of both.
    expect((await kedge('run', 'all', '--dry-run')).exitCode).toBe(4)
    expect(await plan('--offline')).not.toContain('No longer')
    config(both, nodes(pi('one')))
    const text = await plan('--offline')
    expect(text).toContain(
      'No longer in the file; a run leaves them as they are:\n  - two  kedge forgets it; its machine is yours and stays as it is\n    kedge destroy --node two\n',
    )
    expect(text).toEndWith(', 1 node no longer in the file\n')
    const [, command = ''] = /^ {4}kedge (destroy .*)$/m.exec(text) ?? []
    const { exitCode, stderr } = await kedge(...command.split(' '), '--yes')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('two is forgotten') })
    expect(await plan('--offline')).not.toContain('No longer')
    expect(await kedge('destroy', '--node', 'three', '--yes')).toMatchObject({ exitCode: 2 })
  })
})
