import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { referenceFolder, referencePages } from '../../build/reference.ts'
import { signatures } from '../../lib/event/known-failure.ts'
import { tasks } from '../../tasks/index.ts'

const made = await referencePages()
const pageOf = (name: string) => made.get(name) ?? ''

describe('docs/reference is what the code says', () => {
  test.each([...made.keys()])('%s; if not: bun run docs', (name) => {
    expect(readFileSync(join(referenceFolder, name), 'utf8')).toBe(pageOf(name))
  })

  test('and no page is left of what is gone', () => {
    expect(readdirSync(referenceFolder).sort()).toEqual([...made.keys()].sort())
  })
})

describe('each page has all that there is', () => {
  test.each(['run', 'doctor', 'bundle create', 'kubectl', 'help'])(
    'commands: kedge %s, with its options and examples',
    (name) => {
      const section = pageOf('commands.md').split(`\n## kedge ${name}\n`)[1]?.split('\n## ')[0]
      expect(section).toContain(`Usage: kedge ${name}`)
      expect(section).toContain('Examples:')
    },
  )

  test('configuration: keys at every depth, with type, default, what it is and an example', () => {
    const text = pageOf('configuration.md')
    expect(text).toContain('| `nodes.<name>.role` | `control-plane` or `worker` or `edge` | required |')
    expect(text).toMatch(
      /\| `nodes\.<name>\.ssh\.port` \| integer, 1 to 65535 \| `22` \| TCP port\. For example `\d+`\. \|/,
    )
    expect(text).toContain('| `tasks.<name>.needs[].task` |')
    for (const line of text.split('\n').filter((each) => each.startsWith('| `'))) {
      const cells = line.split(/(?<!\\)\|/)
      expect({ line, cells: cells.length }).toEqual({ line, cells: 6 })
      expect(cells[4]?.trim()).not.toBe('')
    }
  })

  test('events: each has an example, which is an event of its type', () => {
    for (const [heading, type = ''] of pageOf('events.md').matchAll(/^## ((?:run|task)-[a-z]+)$/gm)) {
      const section = pageOf('events.md').split(`${heading}\n`)[1]?.split('\n## ')[0] ?? ''
      const example = /```json\n(.+)\n```/.exec(section)?.[1]
      if (type !== 'task-pending') expect(JSON.parse(example ?? '{}')).toMatchObject({ type })
    }
  })

  test('known failures: each with its line, its cause and its cure; nothing in them is left to fill in', () => {
    const text = pageOf('known-failures.md')
    for (const { name } of signatures)
      expect(text).toMatch(new RegExp(`## ${name}\n[^#]*\\*\\*It means:\\*\\*[^#]*\\*\\*Type:\\*\\*`))
    expect(text).not.toMatch(/\{\w+\}/)
  })

  test('tasks: each with when it is done and what it changes', () => {
    for (const name of Object.keys(tasks))
      expect(pageOf('tasks.md')).toMatch(new RegExp(`## ${name}\n[^#]*\\| done when \\|[^#]*\\| otherwise it \\|`))
  })
})
