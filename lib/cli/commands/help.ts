import { dirname } from 'node:path'
import type { Command as Program } from 'commander'
import { layOut } from '../../pack/pack-files.ts'
import type { Wiring } from '../../topology/topology.ts'
import type { Command, GlobalOptions, Terminal } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { makeStateFolder, mustKnow, openLab } from '../lab.ts'
import { withPack } from '../with-pack.ts'

type HelpOptions = GlobalOptions & { readonly task?: boolean }

export default {
  isOfNoLab: true,

  configure: (program) =>
    program
      .argument('[command or task...]', 'what to explain (default: all commands, in a line each)')
      .option('--task', 'the task, where a command has the same name')
      .addHelpText(
        'after',
        `
Of a task: what it does, where it runs in this lab, what it needs, what it checks and what it changes. Own tasks too.

Examples:
  kedge help run
  kedge help bundle create
  kedge help join-edge
  kedge help --task verify
`,
      ),

  async run(terminal, names, options: HelpOptions) {
    const { defineProgram } = await import('../define-program.ts')
    const program = await defineProgram(names, terminal)
    const [name = ''] = names
    const command = options.task ? undefined : commandNamed(program, names)
    if (command) {
      command.outputHelp()
      if (names.length === 1 && isTask(name, terminal, options))
        terminal.write(`\nThere is a task of this name too: kedge help --task ${name}\n`)
      return exitCodes.done
    }
    if (names.length !== 1) throw new CliError(exitCodes.usage, 'one command or one task at a time: kedge help run')
    const lab = openLab(await withPack(terminal, options), options)
    const wirings = lab.topology.tasks.filter(({ removed }) => !removed)
    const tasks = wirings.map((each) => each.name)
    if (options.task) mustKnow('task', names, tasks)
    else mustKnow('command or task', names, [...program.commands.map((each) => each.name()), ...tasks])
    const wiring = wirings.find((each) => each.name === name) as Wiring
    if (lab.carried) {
      makeStateFolder(lab)
      layOut(lab.carried, dirname(lab.topology.file))
    }
    const { taskWords } = await import('../task-maker.ts')
    const { taskHelp } = await import('../task-help.ts')
    terminal.write(taskHelp(lab, wiring, await taskWords(wiring, lab)))
    return exitCodes.done
  },
} satisfies Command

/** Undefined where the first word names none; exit 2 where one within it is misspelt. */
function commandNamed(program: Program, [name, ...rest]: readonly string[]): Program | undefined {
  if (name === undefined) return program
  const sub = program.commands.find((command) => command.name() === name)
  if (sub) return commandNamed(sub, rest)
  if (program.parent)
    mustKnow(
      `command ${program.name()}`,
      [name],
      program.commands.map((each) => each.name()),
    )
  return undefined
}

/** A lab file that cannot be read is no matter here. */
function isTask(name: string, terminal: Terminal, options: HelpOptions): boolean {
  try {
    const { topology } = openLab({ ...terminal, error() {} }, options)
    return topology.tasks.some((task) => task.name === name && !task.removed)
  } catch {
    return false
  }
}
