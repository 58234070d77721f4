import { Option } from 'commander'
import type { Plan } from '../../plan/plan.ts'
import { selectInstances } from '../../plan/select-instances.ts'
import { graphDot } from '../../report/graph-dot.ts'
import { graphMermaid } from '../../report/graph-mermaid.ts'
import { graphText } from '../../report/graph-text.ts'
import { printableJson } from '../../report/json.ts'
import { type Graph, taskGraph } from '../../report/task-graph.ts'
import { type Command, type GlobalOptions, wantsColorInData, wantsUnicode } from '../command.ts'
import { CliError, exitCodes } from '../exit-codes.ts'
import { mustKnow, openLab } from '../lab.ts'

type GraphOptions = GlobalOptions & {
  readonly format: 'text' | 'json' | keyof typeof languages
  readonly nodes?: boolean
  readonly json?: boolean
}

const languages = { mermaid: graphMermaid, dot: graphDot } as const

export default {
  configure: (program) =>
    program
      .argument('[task...]', 'these tasks and what they need (default: all)')
      .addOption(
        new Option('--format <format>', 'how to draw it')
          .choices(['text', ...Object.keys(languages), 'json'])
          .default('text'),
      )
      .option('--nodes', 'each task on each node by itself (mermaid and dot)')
      .option('--json', 'the same as --format json')
      .addHelpText(
        'after',
        `
In the drawing each task stands below all that it waits for. A number begins a layer: its tasks can run side by side. What
follows from the other lines is left out; mermaid, dot and json have every need.

JSON: { lab, tasks: [{ task, phase, on, waitsFor }], instances: [{ id, task, node, phase, waitsFor, timeoutSeconds, retries }] }

Examples:
  kedge graph
  kedge graph join-edge
  kedge graph --format dot | dot -Tsvg > lab.svg
  kedge graph --format mermaid --nodes
`,
      ),

  async run(terminal, words, options: GraphOptions) {
    const { topology, plan } = openLab(terminal, options)
    const tasks = words.length > 0 ? words : ['all']
    mustKnow('task', tasks, ['all', ...topology.tasks.filter(({ removed }) => !removed).map(({ name }) => name)])
    const selected = selectInstances(plan, { tasks })
    const format = options.json ? 'json' : options.format
    if (format === 'json') {
      terminal.write(`${printableJson(asData(selected), undefined, 2)}\n`)
    } else if (format !== 'text') {
      terminal.write(
        languages[format](options.nodes ? instanceGraph(selected) : taskGraph(plan.lab, selected.instances)),
      )
    } else if (options.nodes) {
      throw new CliError(
        exitCodes.usage,
        '--nodes is too wide to be drawn as text; add --format dot or --format mermaid',
      )
    } else {
      const text = graphText(taskGraph(plan.lab, selected.instances), {
        color: wantsColorInData(terminal, options),
        unicode: wantsUnicode(terminal),
        allNodes: topology.nodes.map(({ name }) => name),
        ...(terminal.columns ? { width: terminal.columns } : {}),
      })
      terminal.write(text)
    }
    return exitCodes.done
  },
} satisfies Command

const instanceGraph = ({ lab, instances }: Plan): Graph => ({
  name: lab,
  nodes: instances.map(({ id, waitsFor }) => ({ id, on: [], waitsFor })),
})

function asData({ lab, instances }: Plan): object {
  const phases = new Map(instances.map(({ task, phase }) => [task, phase]))
  const { nodes } = taskGraph(lab, instances)
  const tasks = nodes.map(({ id, on, waitsFor }) => ({ task: id, phase: phases.get(id), on, waitsFor }))
  return { lab, tasks, instances }
}
