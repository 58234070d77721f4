import { Argument } from 'commander'
import { manifestSchema } from '../../bundle/manifest-schema.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labSchema } from '../lab-schema.ts'

/** What has a schema; another file is one line here. */
const schemas: Readonly<Record<string, object>> = { lab: labSchema, bundle: manifestSchema }

export default {
  configure: (program) =>
    program
      .addArgument(
        new Argument('[of]', "the lab file, or a bundle's manifest.json").choices(Object.keys(schemas)).default('lab'),
      )
      .addHelpText('after', '\nExamples:\n  kedge schema > kedge.schema.json\n  kedge schema bundle\n'),

  async run(terminal, [of = 'lab']) {
    terminal.write(`${JSON.stringify(schemas[of], null, 2)}\n`)
    return exitCodes.done
  },
} satisfies Command
