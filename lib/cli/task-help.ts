import { cleanLine } from '../report/clean-line.ts'
import { formatSeconds } from '../report/duration.ts'
import { wrap } from '../report/fit.ts'
import type { Task } from '../task/task.ts'
import type { Wiring } from '../topology/topology.ts'
import type { Lab } from './lab.ts'
import { namesOfNeeds } from './names-of-needs.ts'

const labelWidth = 11
const columns = 100

/** What `kedge help TASK` prints: what the task is, and what becomes of it in this lab. */
export function taskHelp(lab: Lab, wiring: Wiring, task: Omit<Task, 'check' | 'run'>): string {
  const { name, on, needs, phase, timeoutSeconds, retries, sh, env, files } = wiring
  const { plan, topology, ownTasks } = lab
  const nodes = plan.instances.filter((instance) => instance.task === name).map(({ node }) => node)
  const where = `${on.join(', ')}${nodes.join() === on.join() ? '' : `: ${nodes.join(', ') || 'no node of this lab'}`}`
  const neededBy = topology.tasks.filter((other) => !other.removed && other.needs.some((need) => need.task === name))
  const file = wiring.script ?? ownTasks.get(name)
  const rows: readonly (readonly [label: string, text: string | undefined])[] = [
    ['runs on', where],
    ['needs', namesOfNeeds(needs).join(', ') || 'nothing'],
    ['needed by', neededBy.map((other) => other.name).join(', ') || 'nothing'],
    ['phase', task.step ? `${phase}, step ${task.step} of 12` : phase],
    ['timeout', `${formatSeconds(timeoutSeconds)} for an attempt, ${retriesText(retries)}`],
    ['pieces', task.assets?.join(', ')],
    ['variables', Object.keys(env).join(', ') || undefined],
    ['inputs', files?.inputs.join(', ') || undefined],
    ['outputs', files?.outputs.join(', ') || undefined],
    ['checks', task.checks ?? checksOf(wiring)],
    ['changes', task.changes ?? (sh === undefined ? undefined : `runs \`${sh}\``)],
    ['code', file ?? (sh === undefined ? undefined : 'the entry in the lab file')],
  ]
  const instance = nodes.includes(name) || nodes.length === 0 ? name : `${name}@${nodes[0]}`
  return `${[
    ...wrap(`${name}: ${cleanLine(task.description)}`, columns),
    '',
    ...rows.flatMap(([label, text]) => (text === undefined ? [] : row(label, cleanLine(text)))),
    '',
    'Examples:',
    `  kedge run ${name}`,
    `  kedge plan ${name}`,
    `  kedge logs ${instance}`,
  ].join('\n')}\n`
}

function row(label: string, text: string): readonly string[] {
  const [first = '', ...more] = wrap(text, columns - labelWidth)
  return [label.padEnd(labelWidth) + first, ...more.map((line) => ' '.repeat(labelWidth) + line)]
}

const retriesText = (retries: number): string =>
  retries === 0 ? 'tried once' : `tried again ${retries === 1 ? 'once' : `${retries} times`} where waiting can help`

function checksOf({ sh, check, files }: Wiring): string | undefined {
  const said = [
    ...(check === undefined ? [] : [`\`${check}\` ends with 0`]),
    ...(files ? ['its outputs are there, and its inputs are what they were when it last ran and ended well'] : []),
  ]
  if (said.length > 0) return said.join('; ')
  return sh === undefined ? undefined : 'nothing: it always runs'
}
