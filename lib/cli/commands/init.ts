import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import embeddedText from '../../../kedge.config.yaml' with { type: 'text' }
import type { Command, GlobalOptions } from '../command.ts'
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
      mkdirSync(join(terminal.cwd, 'tasks'), { recursive: true })
      make(terminal.cwd, join('tasks', `${options.task}.ts`), taskText)
      terminal.error(`made tasks/${options.task}.ts; name it under \`tasks:\` in kedge.config.yaml to run it:\n`)
      terminal.write(`tasks:\n  ${options.task}: { on: nodes, needs: [create-vms] }\n`)
      return exitCodes.done
    }
    make(terminal.cwd, 'kedge.config.yaml', embeddedText)
    make(terminal.cwd, 'kedge.schema.json', `${JSON.stringify(labSchema, null, 2)}\n`)
    terminal.error('made kedge.config.yaml (the reference lab) and kedge.schema.json; next: kedge plan --offline\n')
    return exitCodes.done
  },
} satisfies Command

/** Never over a file that is there. */
function make(folder: string, name: string, text: string): void {
  const path = join(folder, name)
  if (existsSync(path)) throw new CliError(exitCodes.usage, `${name} is there already; nothing was changed`)
  writeFileSync(path, text)
}

const taskText = `import { doneIf, task } from 'kedge'

export default task({
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
