import { Option } from 'commander'
import type { Plan } from '../../plan/plan.ts'
import type { Command, GlobalOptions } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { openLab } from '../lab.ts'

const formats: Readonly<Record<string, (plan: Plan) => string>> = { mermaid, dot, json }

export default {
  configure: (program) =>
    program
      .addOption(new Option('--format <format>', 'how to draw it').choices(Object.keys(formats)).default('mermaid'))
      .option('--json', 'the same as --format json'),

  async run(terminal, _words, options: GlobalOptions & { readonly format: string; readonly json?: boolean }) {
    const { plan } = openLab(terminal, options)
    terminal.write((options.json ? json : (formats[options.format] ?? mermaid))(plan))
    return exitCodes.done
  },
} satisfies Command

function mermaid(plan: Plan): string {
  const names = new Map(plan.instances.map(({ id }, index) => [id, `i${index}`]))
  const nodes = plan.instances.map(({ id }) => `  ${names.get(id)}["${id}"]\n`)
  const arrows = plan.instances.flatMap(({ id, waitsFor }) =>
    waitsFor.map((need) => `  ${names.get(need)} --> ${names.get(id)}\n`),
  )
  return `graph LR\n${nodes.join('')}${arrows.join('')}`
}

function dot(plan: Plan): string {
  const nodes = plan.instances.map(({ id }) => `  "${id}";\n`)
  const arrows = plan.instances.flatMap(({ id, waitsFor }) => waitsFor.map((need) => `  "${need}" -> "${id}";\n`))
  return `digraph "${plan.lab}" {\n  rankdir=LR;\n  node [shape=box];\n${nodes.join('')}${arrows.join('')}}\n`
}

function json(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`
}
