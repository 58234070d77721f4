import { describe, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadOwnTask, ownTaskFiles } from '../../lib/task/own-tasks.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'

/** A folder with these files below `tasks/`. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, 'tasks'), { recursive: true })
    writeFileSync(join(folder, 'tasks', name), text)
  }
  return folder
}

const fileWith = (text: string, name = 'own.ts') => join(folderWith({ [name]: text }), 'tasks', name)

describe('which files are tasks', () => {
  test('scripts beside the config, by name; tests, types and other files are not', () => {
    const names = ['b.ts', 'a.mjs', 'c.mts', 'd.js', 'a.test.ts', 'kedge.d.ts', 'notes.md', 'e.tsx', 'f.ts.kedge']
    const folder = folderWith(Object.fromEntries(names.map((name) => [name, 'throw new Error("was run")'])))
    expect([...ownTaskFiles(folder)]).toEqual([
      ['a', join(folder, 'tasks/a.mjs')],
      ['b', join(folder, 'tasks/b.ts')],
      ['c', join(folder, 'tasks/c.mts')],
      ['d', join(folder, 'tasks/d.js')],
    ])
  })
  test('no folder, no tasks', () => expect(ownTaskFiles(temporaryFolder()).size).toBe(0))
})

describe('a default export', () => {
  test('is the task: TypeScript, kedge and zx resolve to what this program carries', async () => {
    const file = fileWith(`
      import { type TaskContext, task, doneIf } from 'kedge'
      import { chalk } from 'zx'
      const marker: string = '/etc/marker'
      export default task({
        description: 'Set the marker',
        check: async ({ host }: TaskContext) => doneIf((await host.read(marker)) === 'set', typeof chalk),
        run: async ({ $ }: TaskContext) => { await $\`touch \${marker}\` },
      })`)
    const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [['touch /etc/marker', '']] } })
    const task = (await loadOwnTask(file))()
    expect(task.description).toBe('Set the marker')
    expect(await task.check(ctx)).toEqual({ done: false, why: 'function' })
    await task.run(ctx)
    expect(steps).toEqual(['edge-1$ touch /etc/marker'])
  })

  test('may go without a description, and by another way of exporting', async () => {
    const file = fileWith(
      'const mine = { check: async () => ({ done: true }), run() {} }\nexport { mine as default }\n',
    )
    expect((await loadOwnTask(file))().description).toBe('own task own.ts')
  })

  test.each([
    ['nothing', 'export default undefined'],
    ['null', 'export default null'],
    ['a function', 'export default async () => {}'],
    ['a task without run', 'export default { description: "d", check: async () => ({ done: true }) }'],
    ['a task without check', 'export default { description: "d", run: async () => {} }'],
  ])('of %s is refused with the file and the shape', async (_, text) => {
    const file = fileWith(text)
    expect(await failureOf(loadOwnTask(file))).toBe(`refused: ${file}: the default export is not a task`)
  })
})

describe('a plain zx script', () => {
  const counted = `globalThis.kedgeRuns = (globalThis.kedgeRuns ?? 0) + 1\n`
  const runs = () => (globalThis as { kedgeRuns?: number }).kedgeRuns ?? 0

  test('is a task whose run is its body: each time anew, never while it is loaded or looked at', async () => {
    const { ctx } = sceneOn('hypervisor')
    const make = await loadOwnTask(fileWith(counted))
    const first = make()
    expect(first.description).toBe('script own.ts')
    expect(await first.check(ctx)).toEqual({ done: false, why: 'has no check, so it always runs' })
    expect(runs()).toBe(0)
    await first.run(ctx)
    expect(runs()).toBe(1)
    expect(await first.check(ctx)).toEqual({ done: true })
    const second = make()
    expect((await second.check(ctx)).done).toBe(false)
    await second.run(ctx)
    expect(runs()).toBe(2)
  })

  test('is a script even where it only speaks of an export', async () => {
    const before = runs()
    const make = await loadOwnTask(fileWith(`// no export default here\n${counted}`))
    expect(make().description).toBe('script own.ts')
    expect(runs()).toBe(before)
  })

  test('whose folder has an odd name runs each time, too', async () => {
    const before = runs()
    const { ctx } = sceneOn('hypervisor')
    const make = await loadOwnTask(fileWith(counted, 'a b#c%25d.ts'))
    await make().run(ctx)
    await make().run(ctx)
    expect(runs()).toBe(before + 2)
  })

  test('that imports what is not there is refused, not called a bug', async () => {
    const { ctx } = sceneOn('hypervisor')
    const task = (await loadOwnTask(fileWith("import { a } from './gone.ts'\nconsole.log(a)\n")))()
    expect(await failureOf(task.run(ctx))).toMatch(/^refused: .*own.ts: Cannot find module '.\/gone.ts'/)
  })

  test('that throws fails with what it threw', async () => {
    const { ctx } = sceneOn('hypervisor')
    const task = (await loadOwnTask(fileWith('await Promise.resolve()\nthrow new Error("no camera")')))()
    expect(await failureOf(task.run(ctx))).toBe('bug: Error: no camera')
    expect((await task.check(ctx)).done).toBe(false)
  })
})

describe('a file that cannot be loaded', () => {
  test('is not there', async () => {
    const file = join(temporaryFolder(), 'tasks/gone.ts')
    expect(await failureOf(loadOwnTask(file))).toBe(`refused: there is no ${file}`)
  })

  test.each([
    ['a task', 'export default task({\n  description: "half a line', '2:16'],
    ['a script', '\nconst x: = 3\n', '2:10'],
  ])('a syntax error in %s names the file and the place', async (_, text, place) => {
    const file = fileWith(text, 'broken.ts')
    const { ctx } = sceneOn('hypervisor')
    const failure = await failureOf(loadOwnTask(file).then((make) => make().run(ctx)))
    expect(failure).toStartWith(`refused: ${file}:${place}: `)
  })
})
