import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTurns, type TakeTurn } from '../../lib/host/turns.ts'
import { describeOwnTask, ownTask } from '../../lib/own-task/own-task.ts'
import { type OwnTaskText, readOwnTask } from '../../lib/own-task/read-own-task.ts'
import type { Attempt } from '../../lib/task/task.ts'
import { builtBinary } from '../build/binary.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { failureOf, loadLab, type SceneOptions, sceneOn } from '../tasks/context.ts'

const begun: Attempt[] = []
let kedge: string
beforeAll(() => {
  kedge = builtBinary()
}, 300_000)
afterAll(async () => {
  for (const attempt of begun) await attempt.end?.()
})

/** An attempt of a task with this text, and a node of the tests' lab with its config in a folder of its own. */
function sceneOf(
  text: string,
  node = 'edge-1',
  options: SceneOptions & { readonly memoryMiB?: number; readonly takeTurn?: TakeTurn } = {},
) {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'tasks'))
  const file = join(folder, 'tasks/own.ts')
  writeFileSync(file, text)
  const { memoryMiB, takeTurn, ...rest } = options
  const attempt = ownTask(file, textOf(file), {
    kedge,
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(takeTurn ? { takeTurn } : {}),
  })
  begun.push(attempt)
  return { path: file, attempt, ...sceneOn(node, { topology: { ...loadLab(), folder }, ...rest }) }
}

function textOf(file: string): OwnTaskText {
  const text = readOwnTask(file)
  if ('problem' in text) throw new Error(text.problem.message)
  return text
}

const taskOf = (check: string, run = '') => `
  import { type TaskContext, done, doneIf, pending, refused, task } from 'kedge'
  export default task({
    description: 'Own',
    async check(ctx: TaskContext) { const { $, host, hypervisor, node } = ctx; ${check} },
    async run(ctx: TaskContext) { const { $, host, hypervisor, node } = ctx; ${run} },
  })`

describe('the context reaches into the process of a task', () => {
  test('commands and files are those of the node, here and elsewhere', async () => {
    const scene = sceneOf(
      taskOf(
        "return doneIf((await host.read('/etc/marker')) === 'set', [node.role, ctx.topology.lab].join(' of '))",
        `
        const { exitCode, stdout } = await $({ nothrow: true })\`uname -r \${"it's"}\`
        const lines = []
        for await (const line of $\`seq 3\`) lines.push(line)
        await $({ input: 'typed' })\`tee \${node.name}\`
        await $\`echo from\`.pipe(hypervisor.$\`cat > to\`)
        const other = ctx.topology.nodes.find(({ name }) => name === 'master')
        await ctx.on(other).$\`hostname\`
        await ctx.afterwards(node).$\`sync\`
        await host.write('/etc/marker', 'set', { mode: 0o600 })
        const asset = ctx.asset('keadm')
        await host.put(asset.path, '/usr/local/bin/keadm', { sha256: asset.sha256 })
        ctx.say(JSON.stringify([exitCode, stdout, lines, ctx.assets('file').length > 1, await ctx.attachBundle()]))
        `,
      ),
      'edge-1',
      {
        rules: {
          'edge-1': [
            ["uname -r 'it'\\''s'", { stdout: '6.1\n', exitCode: 3 }],
            ['seq 3', '1\n2\n3\n'],
            ['tee edge-1', ({ input }) => input],
            ['echo from', 'from\n'],
            ['sync', ''],
          ],
          hypervisor: [['cat > to', ({ input }) => `got ${input}`]],
          master: [['hostname', 'master\n']],
        },
      },
    )
    const { attempt, ctx, steps, said, log } = scene
    expect(await attempt.check(ctx)).toEqual({ done: false, why: `edge of ${ctx.topology.lab}` })
    await attempt.run(ctx)
    expect(await attempt.check(ctx)).toEqual({ done: true })
    expect(said).toEqual(['[3,"6.1\\n",["1","2","3"],true,false]'])
    expect(steps).toEqual([
      "edge-1$ uname -r 'it'\\''s'",
      'edge-1$ seq 3',
      'edge-1$ tee edge-1',
      'edge-1$ echo from',
      'hypervisor$ cat > to',
      'master$ hostname',
      'edge-1$ sync',
      'edge-1$ write /etc/marker',
      'edge-1$ put /usr/local/bin/keadm',
    ])
    expect(log).toContain('got from')
    expect(log).toContain('typed')
    expect(scene.mode('edge-1', '/etc/marker')).toBe('600')
    expect(scene.file('edge-1', '/usr/local/bin/keadm')).toBe(readFileSync(ctx.asset('keadm').path, 'utf8'))
  })

  test('a secret arrives raw and is stars in every line, also in what the task prints itself', async () => {
    const { attempt, ctx, log, host } = sceneOf(
      taskOf(
        `
        for (let at = 0; at < 30; at++) {
          const value = ['token', node.name, at, 'x'.repeat(8)].join('-')
          const secret = ctx.secret(value)
          console.log('printed', value, at)
          if (at > 0) continue
          await $\`join \${secret} --at \${at}\`
          await host.write('/etc/token', secret)
          ctx.say('said ' + value)
          throw refused('not with ' + value)
        }`,
      ),
      'edge-1',
      { rules: { 'edge-1': [[/^join /, ({ secrets }) => `${secrets}\n`]] } },
    )
    expect(await failureOf(attempt.check(ctx))).toBe('refused: not with ***')
    await attempt.end?.()
    expect(host('edge-1').files.get('/etc/token')).toMatchObject({ mode: 0o600 })
    expect(host('edge-1').files.get('/etc/token')?.content.toString()).toBe('token-edge-1-0-xxxxxxxx')
    expect(log).toContain('join *** --at 0')
    expect(log.join('\n')).toContain('printed *** 0')
    expect(log.join('\n')).not.toContain('xxxxxxxx')
  })

  test('a host that cannot do it fails the task as it fails a built-in one', async () => {
    const { attempt, ctx } = sceneOf(taskOf('await $`false`'), 'edge-1', {
      rules: { 'edge-1': [['false', { exitCode: 7, stderr: 'no\n' }]] },
    })
    expect(await failureOf(attempt.check(ctx))).toBe('command: “false” ended with exit code 7')
  })

  test('a plain script has the $ of its node from zx, and the context from kedge', async () => {
    const { attempt, ctx, steps, said } = sceneOf(
      `import { context } from 'kedge'
       import { $ } from 'zx'
       const name: string = (await $\`hostname\`).stdout.trim()
       async function main() { await context().sleep(0.01); context().say('late ' + name) }
       main()`,
      'edge-1',
      { rules: { 'edge-1': [['hostname', 'edge-1\n']] } },
    )
    expect(await attempt.check(ctx)).toEqual({ done: false, why: 'has no check, so it always runs' })
    expect(steps).toEqual([])
    await attempt.run(ctx)
    expect(await attempt.check(ctx)).toEqual({ done: true })
    expect({ steps, said }).toEqual({ steps: ['edge-1$ hostname'], said: ['late edge-1'] })
  })
})

test('check and run of an attempt are in one process, the next attempt is in another', async () => {
  const { attempt, ctx, path } = sceneOf(
    taskOf('globalThis.asked = (globalThis.asked ?? 0) + 1; return pending([process.pid, globalThis.asked].join(" "))'),
  )
  const whyOf = async (each: Attempt) => {
    const check = await each.check(ctx)
    return check.done ? [] : check.why.split(' ')
  }
  const [first, count] = await whyOf(attempt)
  await attempt.run(ctx)
  expect([count, ...(await whyOf(attempt))]).toEqual(['1', first as string, '2'])
  const next = ownTask(path, textOf(path), { kedge })
  begun.push(next)
  const [other, anew] = await whyOf(next)
  expect(anew).toBe('1')
  expect(other).not.toBe(first as string)
  expect(Number(first)).not.toBe(process.pid)
})

test('so many processes live at once and no more; the next one begins when an attempt has ended', async () => {
  const takeTurn = createTurns(1)
  const scenes = ['first', 'second'].map(() => sceneOf(taskOf('return done'), 'edge-1', { takeTurn }))
  const [first, second] = scenes as [(typeof scenes)[number], (typeof scenes)[number]]
  const order: string[] = []
  expect(await first.attempt.check(first.ctx)).toEqual({ done: true })
  const later = second.attempt.check(second.ctx).then(() => order.push('second'))
  await Bun.sleep(100)
  order.push('first ends')
  await first.attempt.end?.()
  await later
  expect(order).toEqual(['first ends', 'second'])
})

test('memory has a bound, also in a loop that never lets go', async () => {
  const { attempt, ctx } = sceneOf(
    taskOf('const kept = []; while (true) kept.push(new Uint8Array(1e6).fill(1))'),
    'edge-1',
    { memoryMiB: 500 },
  )
  expect(await failureOf(attempt.check(ctx))).toBe('own-task: used more than 500 MiB of memory, and was killed')
}, 60_000)

test('a task that is stopped has its signal, and its process goes', async () => {
  const stop = new AbortController()
  const { attempt, ctx, said } = sceneOf(
    taskOf(
      "ctx.say('begun'); await ctx.sleep(1000).catch(() => ctx.say('woken ' + ctx.signal.aborted)); throw new Error('x')",
    ),
    'edge-1',
    { signal: stop.signal },
  )
  const failure = failureOf(attempt.check(ctx))
  while (said.length === 0) await Bun.sleep(5)
  stop.abort()
  expect(await failure).toStartWith('own-task: Error: x, at ')
  await attempt.end?.()
  expect(said).toEqual(['begun', 'woken true'])
})

describe('what a file says of itself', () => {
  const describeText = async (text: string) => {
    const { path } = sceneOf(text)
    return await describeOwnTask(path, textOf(path), { kedge }).catch((error) => failureOf(Promise.reject(error)))
  }
  test('a task', async () => {
    const text = "export default { description: 'd', assets: ['keadm'], step: 3, check() {}, run() {} }"
    expect(await describeText(text)).toEqual({ description: 'd', assets: ['keadm'], step: 3 })
  })
  test('a script is not run for that', async () => {
    expect(await describeText("throw new Error('was run')")).toEqual({ description: 'script own.ts' })
  })
  test.each([
    ['nothing', 'export default undefined'],
    ['a function', 'export default async () => {}'],
    ['a task without run', 'export default { description: "d", check: async () => ({ done: true }) }'],
  ])('%s is no task', async (_, text) => {
    expect(await describeText(text)).toMatch(/^refused: .*own.ts: the default export is not a task$/)
  })
})
