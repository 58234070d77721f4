import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import embeddedText from '../../../kedge.config.yaml' with { type: 'text' }
import kedgeTypes from '../../own-task/types/kedge.txt' with { type: 'text' }
import zxTypes from '../../own-task/types/zx.txt' with { type: 'text' }
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { labSchema } from '../lab-schema.ts'

type InitOptions = GlobalOptions & { readonly task?: string }

export default {
  configure: (program) =>
    program
      .option('--task <name>', 'a starting point for a task of your own instead')
      .addHelpText('after', '\nExamples:\n  kedge init\n  kedge init --task trust-private-ca\n'),

  async run(terminal, _words, options: InitOptions) {
    if (options.task !== undefined) {
      if (!/^[a-z][a-z0-9-]{0,39}$/.test(options.task)) {
        throw new CliError(exitCodes.usage, `${options.task} is no name for a task: lower-case letters, digits and -`)
      }
      initTask(terminal, options.task)
      return exitCodes.done
    }
    make(terminal.cwd, 'kedge.config.yaml', embeddedText)
    make(terminal.cwd, 'kedge.schema.json', `${JSON.stringify(labSchema, null, 2)}\n`)
    terminal.error('made kedge.config.yaml (the reference lab) and kedge.schema.json; next: kedge plan --offline\n')
    return exitCodes.done
  },
} satisfies Command

function initTask({ cwd, write, error }: Terminal, name: string): void {
  mkdirSync(join(cwd, 'tasks'), { recursive: true })
  make(cwd, join('tasks', `${name}.ts`), taskText)
  make(cwd, join('tasks', `${name}.test.ts`), testText(name))
  make(cwd, join('tasks', `${name}.test.yaml`), testLabText(name))
  // For the editor; those of an older kedge give way.
  writeFileSync(join(cwd, 'tasks/kedge.d.ts'), kedgeTypes + (hasZx(cwd) ? '' : zxTypes))
  const hasSettings = ['tsconfig.json', 'tasks/tsconfig.json'].some((file) => existsSync(join(cwd, file)))
  if (!hasSettings) writeFileSync(join(cwd, 'tasks/tsconfig.json'), settingsText)
  error(`made tasks/${name}.ts; name it under \`tasks:\` in kedge.config.yaml to run it:\n`)
  write(`tasks:\n  ${name}: { on: nodes, needs: [create-vms] }\n`)
  error(`its test: kedge -c tasks/${name}.test.yaml run all\n`)
}

/** zx's own types, in this folder or above it. */
function hasZx(folder: string): boolean {
  if (existsSync(join(folder, 'node_modules/zx/package.json'))) return true
  return dirname(folder) !== folder && hasZx(dirname(folder))
}

/** Never over a file that is there. */
function make(folder: string, name: string, text: string): void {
  const path = join(folder, name)
  if (existsSync(path)) throw new CliError(exitCodes.usage, `${name} is there already; nothing was changed`)
  writeFileSync(path, text)
}

const taskText = `import { doneIf, task } from 'kedge'

export default task({
  apiVersion: 1,
  description: 'Say in one line what this does',

  // Only looks: is it so already? What is missing is what \`kedge plan\` prints.
  async check({ $ }) {
    const { exitCode } = await $\`test -e /etc/example\`.nothrow()
    return doneIf(exitCode === 0, '/etc/example is missing')
  },

  // Changes; may meet a half-finished machine. \`check\` is asked again afterwards.
  async run({ $, node, say }) {
    say(\`writing /etc/example on \${node.name}\`)
    await $\`touch /etc/example\`
  },
})
`

const testText = (name: string) => `// Run by kedge itself: kedge -c tasks/${name}.test.yaml run all
import { scene } from 'kedge/test'
import task from './${name}.ts'

function expect(found: unknown, wanted: unknown): void {
  const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (is !== should) throw new Error(\`found \${is}, not \${should}\`)
}

// The node is not asked: each command has its answer here.
const { ctx, commands } = scene({
  rules: [
    ['test -e /etc/example', [{ exitCode: 1 }, { exitCode: 0 }]],
    ['touch /etc/example', ''],
  ],
})
expect(await task.check(ctx), { done: false, why: '/etc/example is missing' })
await task.run(ctx)
expect(await task.check(ctx), { done: true })
expect(commands, ['test -e /etc/example', 'touch /etc/example', 'test -e /etc/example'])
`

const testLabText = (name: string) => `version: 1
lab: test-${name}
extends: none
tasks:
  test-${name}: { on: hypervisor, script: ./${name}.test.ts }
`

const settingsText = `{
  "compilerOptions": {
    "target": "ESNext",
    "module": "Preserve",
    "moduleResolution": "bundler",
    "moduleDetection": "force",
    "lib": ["ESNext", "DOM"],
    "types": [],
    "strict": true,
    "skipLibCheck": true,
    "allowImportingTsExtensions": true,
    "noEmit": true
  }
}
`
