import { topologySchema } from '../../topology/schema.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'

export default {
  async run(terminal) {
    terminal.write(`${JSON.stringify(topologySchema, null, 2)}\n`)
    return exitCodes.done
  },
} satisfies Command
