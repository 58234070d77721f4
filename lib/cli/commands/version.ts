import { dependencies, devDependencies } from '../../../package.json'
import type { Command, GlobalOptions } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { kedgeCommit, kedgeVersion } from '../version.ts'

export default {
  configure: (program) =>
    program.option('--json', 'as JSON').addHelpText('after', '\nExamples:\n  kedge version\n  kedge version -v\n'),

  async run(terminal, _words, options: GlobalOptions & { readonly json?: boolean }) {
    const embedded = { bun: devDependencies.bun, ...dependencies }
    if (options.json)
      terminal.write(`${JSON.stringify({ kedge: kedgeVersion, commit: kedgeCommit, embedded }, null, 2)}\n`)
    else {
      const names = Object.entries(embedded).map(([name, version]) => `${name} ${version.replace(/^\^/, '')}`)
      terminal.write(`kedge ${kedgeVersion} (${kedgeCommit})\n${options.verbose ? `${names.join('\n')}\n` : ''}`)
    }
    return exitCodes.done
  },
} satisfies Command
