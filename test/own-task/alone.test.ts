import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Event } from '../../lib/event/event.ts'
import { builtBinary, type Result, runIn } from '../build/binary.ts'
import { isAlive } from '../host/contract-stop.ts'

/*
 * The compiled kedge in an empty environment: no HOME, no node, no bun; a PATH with what the tasks' commands need and nothing else.
 * Each lab is run once with all its tasks, since what one of them does to itself must be nothing to the others.
 */

let home: string
beforeAll(() => {
  builtBinary()
  home = mkdtempSync(join(tmpdir(), 'kedge-own-task-'))
  mkdirSync(join(home, 'bin'))
  for (const name of ['bash', 'cat', 'touch', 'sleep']) symlinkSync(Bun.which(name) as string, join(home, 'bin', name))
}, 300_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))

type Files = Readonly<Record<string, string>>

/** A lab that is a plain task runner, with these files and this wiring. */
function labWith(name: string, files: Files, wiring: string): string {
  const folder = join(home, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  writeFileSync(join(folder, 'kedge.config.yaml'), `version: 1\nlab: ${name}\nextends: none\ntasks:\n${wiring}`)
  return folder
}

const kedge = (folder: string, ...words: string[]): Result =>
  runIn(folder, [builtBinary(), ...words], { PATH: join(home, 'bin') })

function failuresOf({ stdout }: Result): Record<string, string> {
  const events = stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line) as Event] : []))
  return Object.fromEntries(
    events.flatMap((event) =>
      event.type === 'task-failed'
        ? [[event.task, `${event.failure.kind}: ${event.failure.message}`]]
        : event.type === 'task-finished'
          ? [[event.task, 'done']]
          : [],
    ),
  )
}

const tasksNamed = (names: readonly string[], more = '') =>
  names.map((name) => `  ${name}: { on: hypervisor${more} }\n`).join('')

describe('what a task does to its process harms nobody else', () => {
  const texts: Files = {
    'throws-outside': "\nsetTimeout(() => {\n  throw new RangeError('out of it')\n}, 1)\n",
    'rejects-outside':
      "await 0\nPromise.reject(new Error('unheard'))\nawait new Promise(() => setInterval(() => {}, 1000))\n",
    'throws-in-turn': 'const a: number = 1\nthrow new TypeError("no " + a)\n',
    'exits-with-0': 'await 0\nprocess.exit(0)\n',
    'exits-with-3': 'process.exit(3)\n',
    'exits-in-check': "export default { description: 'x', async check() {\n  process.exit(0)\n}, async run() {} }\n",
    'is-killed': "process.kill(process.pid, 'SIGKILL')\nawait new Promise(() => setInterval(() => {}, 1000))\n",
    'sets-exit-code': 'process.exitCode = 4\n',
    'waits-for-nothing': 'await new Promise(() => {})\n',
    disconnects: 'process.disconnect()\nawait new Promise(() => setInterval(() => {}, 1000))\n',
    'says-nonsense': "process.send({ type: 'nonsense' })\nawait new Promise(() => setInterval(() => {}, 1000))\n",
    'has-no-verdict': "export default { description: 'x', async check() {}, async run() {} }\n",
    loops: 'for (;;) {}\n',
  }
  const kinder: Files = {
    'changes-everything': `
      process.chdir('/')
      process.env.PATH = '/nowhere'
      process.env.SEEN_BY_OTHERS = 'yes'
      Array.prototype.map = () => { throw new Error('changed') }
      globalThis.fetch = undefined
      for (const name of ['SIGINT', 'SIGTERM', 'exit']) process.on(name, () => {})
    `,
    'is-as-it-was': `
      import { $ } from 'zx'
      if (process.cwd() === '/' || process.env.SEEN_BY_OTHERS || [1].map((x) => x + 1)[0] !== 2) throw new Error('touched')
      await $\`touch neighbour\`
    `,
    prints: `
      for (let at = 0; at < 20000; at++) console.log('line', at, 'x'.repeat(60))
      process.stdout.write('the last words')
    `,
  }
  const names = [...Object.keys(texts), ...Object.keys(kinder)]
  let folder: string
  let failures: Record<string, string>
  let result: Result
  beforeAll(() => {
    const files = Object.entries({ ...texts, ...kinder }).map(([name, text]) => [`tasks/${name}.ts`, text])
    const wiring = tasksNamed(names.filter((name) => name !== 'loops')) + tasksNamed(['loops'], ', timeout: 5s')
    folder = labWith('unkind', Object.fromEntries(files), wiring)
    result = kedge(folder, 'run', 'all', '--keep-going', '--json')
    failures = failuresOf(result)
  }, 120_000)

  test('each fails by itself, with what it did and the line where that is known', () => {
    expect(failures).toEqual({
      'throws-outside':
        'own-task: threw where nobody waits for it: RangeError: out of it, at tasks/throws-outside.ts:3:13',
      'rejects-outside':
        'own-task: rejected where nobody waits for it: Error: unheard, at tasks/rejects-outside.ts:2:20',
      'throws-in-turn': 'own-task: TypeError: no 1, at tasks/throws-in-turn.ts:2:11',
      'exits-with-0': 'own-task: ended its process with process.exit(0), at tasks/exits-with-0.ts:2:9',
      'exits-with-3': 'own-task: ended its process with process.exit(3), at tasks/exits-with-3.ts:1:9',
      'exits-in-check': 'own-task: ended its process with process.exit(0), at tasks/exits-in-check.ts:2:11',
      'is-killed': 'own-task: its process was ended by SIGKILL',
      'sets-exit-code': 'own-task: Error: set process.exitCode to 4',
      'waits-for-nothing': 'own-task: Error: its script waits for something that cannot come any more',
      disconnects: 'own-task: cut its process off from kedge, and was killed',
      'says-nonsense': 'own-task: its process said what kedge does not understand: TypeError: an unknown message',
      'has-no-verdict': 'own-task: TypeError: its check gave undefined, not done, pending(why) or doneIf(…, why)',
      loops: 'timeout: not done within its timeout of 5 s',
      'changes-everything': 'done',
      'is-as-it-was': 'done',
      prints: 'done',
    })
    expect(result.exitCode).toBe(5)
    expect(existsSync(join(folder, 'neighbour'))).toBe(true)
  })

  test('all that was printed is in the log', () => {
    const lines = kedge(folder, 'logs', 'prints').stdout.split('\n')
    expect(lines.filter((line) => line.includes(' line ')).length).toBe(20_000)
    expect(lines.some((line) => line.endsWith('the last words'))).toBe(true)
  })

  test('nothing of them lives on', () => {
    const left = readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(folder, 'tasks'))
      } catch {
        return false
      }
    })
    expect(left).toEqual([])
  })
})

test('a kedge that is interrupted or killed takes along what a task has started by itself', async () => {
  const text = `
    import { writeFileSync } from 'node:fs'
    const child = Bun.spawn(['sleep', '1000'])
    writeFileSync('pids', [process.pid, child.pid].join(' '))
    for (;;) await Bun.sleep(1000)
  `
  const stopBy = async (signal: NodeJS.Signals) => {
    const folder = labWith(signal.toLowerCase(), { 'tasks/starts.ts': text }, tasksNamed(['starts']))
    const env = { PATH: join(home, 'bin') }
    const run = Bun.spawn([builtBinary(), 'run', 'all'], { cwd: folder, env, stdout: 'ignore', stderr: 'ignore' })
    while (!existsSync(join(folder, 'pids')) || !readFileSync(join(folder, 'pids'), 'utf8').includes(' '))
      await Bun.sleep(10)
    const pids = readFileSync(join(folder, 'pids'), 'utf8').split(' ').map(Number)
    run.kill(signal)
    const exitCode = await run.exited
    while (pids.some(isAlive)) await Bun.sleep(20)
    return { exitCode, pids: pids.length }
  }
  expect(await Promise.all([stopBy('SIGINT'), stopBy('SIGKILL')])).toEqual([
    { exitCode: 130, pids: 2 },
    { exitCode: 137, pids: 2 },
  ])
}, 60_000)

describe('where nothing is installed', () => {
  const done = (name: string) => `await $\`touch ${name}\`\n`
  const files: Files = {
    'tasks/zx.ts': `import { $, chalk, fs, YAML, type ProcessOutput } from 'zx'
      const out: ProcessOutput = await $\`cat kedge.config.yaml\`
      if (YAML.parse(out.stdout).lab !== 'empty' || !fs.existsSync('tasks') || !chalk) throw new Error('zx')\n`,
    'tasks/core.mts': `import { $ } from 'zx/core'\n${done('core')}`,
    'tasks/globals.js': `import 'zx/globals'\nif (typeof within !== 'function') throw 1\n${done('globals')}`,
    'tasks/cli.mjs':
      "import { parseArgv } from 'zx'\nimport * as cli from 'zx/cli'\nimport about from 'zx/package.json'\nif (!parseArgv || typeof cli.main !== 'function' || !about.version) throw new Error('cli')\n",
    'tasks/common.js':
      "const { $ } = require('zx')\nconst { done } = require('kedge')\nif (!done.done) throw 1\nmodule.exports = {}\n$`touch common`\n",
    'tasks/whole.ts': `import { apiVersion, doneIf, task, type TaskContext } from 'kedge'
      enum Kind { A = 'whole' }
      export default task({ apiVersion, description: 'Whole',
        check: async ({ hypervisor }: TaskContext) => doneIf((await hypervisor.read(Kind.A)) === '1', 'not yet'),
        run: async ({ host }: TaskContext): Promise<void> => host.write(Kind.A, '1') })\n`,
    'scripts/elsewhere.ts': `import { $ } from 'zx'\nimport { name } from '../lib/name.ts'\n${done('$' + '{name}')}`,
    'lib/name.ts': "export const name: string = 'elsewhere'\n",
    'tasks/packages.ts':
      "import { one } from 'esm-one/sub'\nimport two from 'cjs-two'\nif (one + two.two !== 3) throw new Error('packages')\n",
    'node_modules/esm-one/package.json':
      '{ "name": "esm-one", "type": "module", "exports": { "./sub": "./inner/sub.js" } }',
    'node_modules/esm-one/inner/sub.js': 'export const one = 1\n',
    'node_modules/cjs-two/package.json': '{ "name": "cjs-two", "main": "main.js" }',
    'node_modules/cjs-two/main.js': 'module.exports = { two: 2 }\n',
    'tasks/unresolved.ts': "const a = 1\nimport { b } from 'not-there'\nconsole.log(a, b)\n",
    'tasks/no-such-export.ts': "import { nothing } from 'kedge'\nconsole.log(nothing)\n",
    'tasks/in-a-module.ts': "import '../lib/broken.ts'\n",
    'lib/broken.ts': 'const a = 1\nlet b = = 2\n',
  }
  test('zx and kedge, TypeScript, top-level await and the packages of the lab are found', () => {
    const names = [
      'zx',
      'core',
      'globals',
      'cli',
      'common',
      'whole',
      'packages',
      'unresolved',
      'no-such-export',
      'in-a-module',
    ]
    const folder = labWith(
      'empty',
      files,
      `${tasksNamed(names)}  moved: { on: hypervisor, script: ./scripts/elsewhere.ts }\n`,
    )
    const result = kedge(folder, 'run', 'all', '--keep-going', '--json')
    expect(failuresOf(result)).toEqual({
      ...Object.fromEntries(names.slice(0, 7).map((name) => [name, 'done'])),
      moved: 'done',
      unresolved: "refused: tasks/unresolved.ts:2:20: Cannot find package 'not-there'",
      'no-such-export': "refused: tasks/no-such-export.ts: Export named 'nothing' not found in module 'kedge'.",
      'in-a-module': 'refused: lib/broken.ts:2:9: Unexpected =',
    })
    for (const name of ['core', 'globals', 'common', 'whole', 'elsewhere'])
      expect(existsSync(join(folder, name))).toBe(true)
    expect(kedge(folder, 'help', 'whole').stdout).toStartWith('whole: Whole\n')
  }, 120_000)

  test('what cannot be read is shown with its line, all at once, before anything is done', () => {
    const folder = labWith(
      'broken',
      {
        'tasks/syntax.ts': 'const ok = 1\nconst x: = 3\n',
        'tasks/newer.ts': "export default {\n  apiVersion: 99,\n  description: 'x', check() {}, run() {} }\n",
        'tasks/fine.ts': "require('fs').writeFileSync('was-run', '')\n",
      },
      tasksNamed(['syntax', 'newer', 'fine']),
    )
    const { exitCode, stderr } = kedge(folder, 'run', 'all')
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: `tasks/syntax.ts:2:10: Unexpected =
  2 | const x: = 3
    |          ^

tasks/newer.ts:2:3: asks for version 99 of what \`kedge\` gives to tasks; this kedge has version 1
  2 |   apiVersion: 99,
    |   ^^^^^^^^^^^^^^
    = take a newer kedge
`,
    })
    expect(existsSync(join(folder, 'was-run'))).toBe(false)
  }, 60_000)

  test('a file of that name replaces what kedge brings', () => {
    const folder = join(home, 'replaced')
    mkdirSync(join(folder, 'tasks'), { recursive: true })
    writeFileSync(join(folder, 'tasks/create-networks.ts'), "console.log('mine')\n")
    const { exitCode } = kedge(folder, 'run', 'create-networks', '--no-doctor')
    expect({ exitCode, log: kedge(folder, 'logs', 'create-networks').stdout }).toMatchObject({
      exitCode: 0,
      log: expect.stringContaining('mine'),
    })
  }, 60_000)

  test('kedge init --task writes a task and its test, which kedge runs', () => {
    const folder = join(home, 'started')
    mkdirSync(folder)
    expect(kedge(folder, 'init', '--task', 'first')).toMatchObject({ exitCode: 0 })
    const result = kedge(folder, '-c', 'tasks/first.test.yaml', 'run', 'all', '--json')
    expect(failuresOf(result)).toEqual({ 'test-first': 'done' })
    const broken = readFileSync(join(folder, 'tasks/first.ts'), 'utf8').replace('touch', 'rm')
    writeFileSync(join(folder, 'tasks/first.ts'), broken)
    expect(kedge(folder, '-c', 'tasks/first.test.yaml', 'run', 'all').exitCode).toBe(5)
  }, 60_000)
})
