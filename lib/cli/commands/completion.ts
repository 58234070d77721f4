import { Argument } from 'commander'
import type { Command } from '../command.ts'
import bash from '../complete/completion.bash' with { type: 'text' }
import fish from '../complete/completion.fish' with { type: 'text' }
import zsh from '../complete/completion.zsh' with { type: 'text' }
import { exitCodes } from '../exit-codes.ts'

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish }

export default {
  configure: (program) =>
    program.addArgument(new Argument('<shell>', 'whose script').choices(Object.keys(scripts))).addHelpText(
      'after',
      `
The script asks kedge itself what can come next: commands, options, tasks, nodes, runs, formats, files. No host is touched. It
looks at the lab file of the folder that you are in, or at the one after -c. It is of use from the next shell on.

Examples:
  echo 'source <(kedge completion bash)' >> ~/.bashrc
  echo 'source <(kedge completion zsh)' >> ~/.zshrc
  kedge completion fish > ~/.config/fish/completions/kedge.fish
`,
    ),

  async run(terminal, [shell = '']) {
    terminal.write(scripts[shell] ?? '')
    return exitCodes.done
  },
} satisfies Command
