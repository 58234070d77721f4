import { expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import * as api from '../../lib/task/api.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'

const root = join(import.meta.dir, '../..')
const tsc = (...words: string[]) => {
  const { exitCode, stdout } = Bun.spawnSync([
    process.execPath,
    join(root, 'node_modules/typescript/bin/tsc'),
    ...words,
  ])
  return { exitCode, said: stdout.toString() }
}
const content = { exitCode: 0, said: '' }

test('what kedge init --task writes satisfies tsc where nothing is installed', async () => {
  const folder = temporaryFolder()
  expect((await runHere(folder, ['init', '--task', 'first'])).exitCode).toBe(0)
  expect(readdirSync(join(folder, 'tasks')).sort()).toEqual([
    'first.test.ts',
    'first.test.yaml',
    'first.ts',
    'kedge.d.ts',
    'tsconfig.json',
  ])
  writeFileSync(
    join(folder, 'tasks/uses.ts'),
    `import { context, pending, type TaskContext } from 'kedge'
     import { $, type ProcessOutput } from 'zx'
     const out: ProcessOutput = await $({ nothrow: true, input: 'x' })\`cat\`.pipe($\`sort\`).timeout('5s')
     for await (const line of $\`seq 3\`) console.log(line, out.lines().length)
     const { on, topology, secret, host, signal }: TaskContext = context()
     const first = topology.nodes[0]
     if (first) await on(first).$\`echo \${secret('x')}\`
     await host.write('/etc/a', secret('b'), { mode: 0o600 })
     console.log(pending('x'), signal.aborted)\n`,
  )
  expect(tsc('-p', join(folder, 'tasks'))).toEqual(content)
  const wrong = "import { doneIf } from 'kedge'\nexport const a: number = doneIf(true, 1)\n"
  writeFileSync(join(folder, 'tasks/uses.ts'), wrong)
  expect(tsc('-p', join(folder, 'tasks')).exitCode).not.toBe(0)
  // A second task leaves what is there, but for the types.
  expect((await runHere(folder, ['init', '--task', 'second'])).exitCode).toBe(0)
  expect((await runHere(folder, ['init', '--task', 'second'])).exitCode).toBe(2)
}, 300_000)

test('kedge.d.ts says of kedge what is so, and zx has its own types where it is installed', async () => {
  const folder = temporaryFolder()
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  expect((await runHere(folder, ['init', '--task', 'first'])).exitCode).toBe(0)
  const types = readFileSync(join(folder, 'tasks/kedge.d.ts'), 'utf8')
  expect(types).not.toContain("declare module 'zx'")
  const names = [...(types.split("declare module 'kedge/test'")[0] ?? '').matchAll(/export (?:const|function) (\w+)/g)]
  expect(names.map(([, name]) => name).sort()).toEqual([...Object.keys(api), 'context'].sort())
  mkdirSync(join(folder, 'against'))
  writeFileSync(
    join(folder, 'against/kedge.ts'),
    `import * as told from 'kedge'
     import type * as tellingOfTests from 'kedge/test'
     import * as so from '${root}/lib/task/api.ts'
     import type { scene } from '${root}/lib/own-task/child/scene.ts'
     const api: Omit<typeof told, 'context'> = so
     const context: told.TaskContext = {} as so.TaskContext
     const task: so.Task = {} as told.Task
     const check: so.Check = {} as told.Check
     const tests: typeof tellingOfTests.scene = {} as unknown as typeof scene
     console.log(api, context, task, check, tests)\n`,
  )
  writeFileSync(
    join(folder, 'against/tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] },
      include: ['kedge.ts', '../tasks/kedge.d.ts', join(root, 'lib/cli/text.d.ts')],
    }),
  )
  expect(tsc('-p', join(folder, 'against'))).toEqual(content)
}, 300_000)
