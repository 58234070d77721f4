import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownTask } from '../../lib/own-task/own-task.ts'
import { type OwnTaskText, readOwnTask } from '../../lib/own-task/read-own-task.ts'
import { endResting } from '../../lib/own-task/resting-processes.ts'
import { builtBinary } from '../build/binary.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { loadLab, sceneOn } from '../tasks/context.ts'

/* One process serves one attempt after the other, as long as each leaves it as it found it. */

const patience = 60_000
let kedge: string
let topology: ReturnType<typeof loadLab>
beforeAll(() => {
  kedge = builtBinary()
}, 300_000)
beforeEach(async () => {
  await endResting()
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'tasks'))
  topology = { ...loadLab(), folder }
})
afterAll(endResting)

let files = 0

/** One attempt of a script or task with this text, to its end: what it said, printed and ran, and how it failed. */
async function attempt(text: string, node = 'edge-1', file = join(topology.folder, `tasks/own-${++files}.ts`)) {
  writeFileSync(file, text)
  const read = readOwnTask(file) as OwnTaskText
  const own = ownTask(file, read, { kedge })
  const { ctx, said, log, steps } = sceneOn(node, { topology, rules: { [node]: [['hostname', `${node}\n`]] } })
  const failure = await (read.isScript ? own.run(ctx) : own.check(ctx)).then(
    () => undefined,
    (error) => String(error.message),
  )
  await own.end?.()
  return { file, said, log, steps, failure, processes: processes() }
}

/** The processes of own tasks that this one has. */
const processes = (): readonly number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1]
        return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('__own-task')
      } catch {
        return false
      }
    })

const kind = "import { context } from 'kedge'\nimport { $ } from 'zx'\n"
const counts = `${kind}let count = 0
count++
console.log('printed by', context().node.name)
console.error('complained by', context().node.name)
context().say([count, context().node.name, (await $\`hostname\`).stdout.trim(), context().signal.aborted].join(' '))\n`

test(
  'the next attempt has the process, and nothing of the one before',
  async () => {
    const first = await attempt(counts)
    const other = await attempt(counts.replace('count = 0', 'count = 10'), 'edge-2')
    const again = await attempt(counts, 'edge-2', first.file)
    expect([first.failure, other.failure, again.failure]).toEqual([undefined, undefined, undefined])
    expect(first.processes.length).toBe(1)
    expect([other.processes, again.processes]).toEqual([first.processes, first.processes])
    expect([first.said, other.said, again.said]).toEqual([
      ['1 edge-1 edge-1 false'],
      ['11 edge-2 edge-2 false'],
      ['1 edge-2 edge-2 false'],
    ])
    expect(again.steps).toEqual(['edge-2$ hostname'])
    for (const { log, said } of [first, other, again]) {
      const node = said[0]?.split(' ')[1]
      const printed = log.filter((line) => / by /.test(line)).sort()
      expect(printed).toEqual([`complained by ${node}`, `printed by ${node}`])
    }
    await endResting()
    expect(processes()).toEqual([])
  },
  patience,
)

test(
  'much output, its last line without an end, stays with the attempt that printed it',
  async () => {
    const many = `${kind}for (let at = 0; at < 5000; at++) console.log('line', at, 'x'.repeat(60))\n`
    const first = await attempt(many)
    const second = await attempt(counts)
    expect(first.log.filter((line) => line.startsWith('line ')).length).toBe(5000)
    expect(second.log.filter((line) => line.startsWith('line '))).toEqual([])
  },
  patience,
)

test.each([
  ['throws', "throw new Error('x')\n"],
  ['changes what others use', 'Math.max = () => 0\n'],
  ['leaves a setting', 'const shell = [$][0]\nshell.verbose = true\n'],
  ['reaches for what is the process own', 'process.title\n'],
])(
  'a process whose attempt %s serves no other',
  async (_, text) => {
    expect((await attempt(`${kind}${text}`)).processes).toEqual([])
    expect(await attempt(`${kind}context().say(String(Math.max(1, 2)))\n`)).toMatchObject({ said: ['2'] })
  },
  patience,
)

test.each([
  ['a timer', 'setInterval(() => {}, 1000)'],
  ['what throws afterwards', "setTimeout(() => { throw new Error('late') }, 1)"],
  ['a command', '$`hostname`.then(() => setInterval(() => {}, 1000))'],
])(
  'a task that leaves %s takes its process along',
  async (_, left) => {
    const text = `import { done, task } from 'kedge'
    export default task({ description: 'x', async check({ $ }) { ${left}; return done }, async run() {} })\n`
    expect(await attempt(text)).toMatchObject({ failure: undefined, processes: [] })
  },
  patience,
)
