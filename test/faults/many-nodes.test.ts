import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { nodeOn, processesNaming, type SshLab, sshLab, until } from './ssh-lab.ts'

const tasks = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const
/** The one that hangs, and the five that fail, in a task from the middle. */
const hanging = 'n7'
const failing = ['n2', 'n3', 'n11', 'n13', 'n17']
/** `KEDGE_LOAD=1`, as `bun run load` says it: the whole crowd. */
const isWhole = Boolean(process.env.KEDGE_LOAD)
const count = isWhole ? 200 : 40
/** For the task that hangs, and for the same on all others: the machine that the test runs on may be busy. */
const limitSeconds = isWhole ? 60 : 20

test.skipIf(!sshdPath)(
  `${count} nodes with ${tasks.length} tasks each, one hanging, five failing: the others are done, and the end is readable`,
  async () => {
    const sshds: Sshd[] = []
    let lab: SshLab | undefined
    try {
      for (let at = 0; at < (isWhole ? 10 : 4); at++) sshds.push(await startSshd())
      lab = sshLab(sshds)
      const { folder } = lab
      const names = Array.from({ length: count }, (_, at) => `n${at + 1}`)
      const made = join(folder, 'made')
      for (const name of ['home', 'made']) mkdirSync(join(folder, name), { recursive: true })
      const nodes = names.map((name, at) => [name, nodeOn(sshds[at % sshds.length] as Sshd)] as const)
      mkdirSync(join(folder, 'tasks'))
      for (const [at, task] of tasks.entries())
        writeFileSync(join(folder, `tasks/${task}.ts`), taskText(task, at, made))
      const wiring = (limit: string) =>
        tasks.map((task, at) => {
          const needs = at === 0 ? '' : `, needs: [${tasks[at - 1]}]`
          return `  ${task}: { on: nodes${needs}, timeout: ${task === 'd' ? limit : '10m'} }\n`
        })
      lab.config(Object.fromEntries(nodes), wiring(`${limitSeconds}s`).join(''))

      const { exitCode, stderr, peakMiB } = await lab.kedge('run', 'all', '--json')
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 5 })

      const ill = new Set([hanging, ...failing])
      const expected = names.flatMap((name) =>
        (ill.has(name) ? tasks.slice(0, 3) : tasks).map((task) => `${task}@${name}`),
      )
      expect(readdirSync(made).sort()).toEqual(expected.sort())

      expect(stderr.trimEnd().split('\n').length).toBeLessThan(60)
      expect(stderr).toContain('d on 5 nodes')
      expect(stderr).toContain(failing.join(', '))
      expect(stderr).toContain(`d@${hanging}: not done within its timeout of ${limitSeconds} s`)
      expect(stderr).toContain('this node is ill')
      expect(peakMiB).toBeGreaterThan(20)
      expect(peakMiB).toBeLessThan(400)
      console.info(`      ${count} nodes: ${Math.round(peakMiB)} MiB at most`)

      await until(() => processesNaming(join(folder, 'hangs')).length === 0)
      writeFileSync(join(folder, 'cured'), '')
      lab.config(Object.fromEntries(nodes), wiring('10m').join(''))
      const { exitCode: cured } = await lab.kedge('run', 'all', '--quiet')
      expect(cured).toBe(0)
      expect(existsSync(join(made, `h@${hanging}`))).toBe(true)
    } finally {
      lab?.remove()
      for (const sshd of sshds) await sshd.stop()
    }
  },
  1_800_000,
)

/** A task that marks its node; the fourth one hangs or fails where it is to. */
function taskText(task: string, at: number, made: string): string {
  const ill =
    at === 3
      ? `if (!(await $\`test -e ${made}/../cured\`.nothrow()).exitCode) {
    } else if (node.name === '${hanging}') await $\`(exec -a ${made}/../hangs sleep 1000)\`
    else if (${JSON.stringify(failing)}.includes(node.name)) await $\`echo this node is ill >&2; exit 3\``
      : ''
  return `import { doneIf, task } from 'kedge'
export default task({
  description: 'Mark the node',
  async check({ $, node }) {
    return doneIf((await $\`test -e ${made}/${task}@\${node.name}\`.nothrow()).exitCode === 0, 'no mark')
  },
  async run({ $, node }) {
    ${ill}
    await $\`touch ${made}/${task}@\${node.name}\`
  },
})
`
}
