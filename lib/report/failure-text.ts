import type { Failure } from '../event/failure.ts'
import { cleanLine, lastVersion } from './clean-line.ts'
import { formatSeconds } from './duration.ts'
import { wrap } from './fit.ts'
import type { InstanceRecord } from './fold-run.ts'
import type { FailureGroup } from './group-failures.ts'
import { labelled } from './labelled.ts'
import { listNodes, nodesOf } from './node-list.ts'
import { shellWord } from './shell-word.ts'
import type { Style } from './style.ts'

export type FailureTextOptions = {
  /** What starts kedge, with the options that say which lab. */
  readonly kedge: string
  /** Options of this run that its next command repeats. */
  readonly alike: string
  /** Columns of the terminal; lines are not broken where it is left out. */
  readonly width?: number
  /** The folder with the logs of the run. */
  readonly log?: string
}

/** With more, the next command names the task alone. */
const namedNodesAtMost = 12

/** Where it failed, with what, why, what that held back, and what to type next. */
export function failureText(group: FailureGroup, options: FailureTextOptions, paint: Style): readonly string[] {
  const { first, failure, instances, heldBack } = group
  const { kedge, width, log } = options
  const isOne = instances.length === 1
  const where = isOne ? cleanLine(first.id) : `${cleanLine(first.task)} on ${instances.length} nodes`
  const tries = first.attempts > 1 ? ` (${first.attempts} attempts, ${formatSeconds(first.seconds)})` : ''
  const part = (label: string, texts: readonly (string | undefined)[]) =>
    labelled(
      `  ${label.padEnd(9)}  `,
      texts.flatMap((text) => (text === undefined || text === '' ? [] : [text])),
      width,
    )
  // Never broken: these are for copying.
  const copied = (label: string, texts: readonly string[]) =>
    texts.map((text, at) => `  ${(at === 0 ? label : '').padEnd(9)}  ${paint.cyan(text)}`)
  const cures = (failure.cure === undefined ? curesOfKind(failure, first) : [failure.cure]).map((text) =>
    asTypedHere(cleanLine(text), kedge),
  )
  return [
    ...wrap(`${where}: ${cleanLine(failure.message)}${tries}`, width).map(paint.red),
    ...part(isOne ? 'node' : 'nodes', [`${listNodes(instances, 12)}${elsewhere(failure)}`]),
    ...part('command', [failure.command && cleanLine(failure.command)]),
    ...part('exit code', [failure.signal ? `signal ${failure.signal}` : failure.exitCode?.toString()]),
    ...part(
      isOne ? 'output' : cleanLine(first.node),
      (failure.lastLines ?? []).map((line) => cleanLine(lastVersion(line))),
    ),
    ...part('cause', [failure.cause && cleanLine(failure.cause)]),
    ...cures.flatMap((text, at) =>
      text.startsWith(`${kedge} `) ? copied(at === 0 ? 'cure' : '', [text]) : part(at === 0 ? 'cure' : '', [text]),
    ),
    ...part('held back', heldBackTexts(heldBack)),
    ...copied('log', log === undefined ? [] : [`${cleanLine(log)}/${cleanLine(first.id)}.log`]),
    ...copied('next', nextCommands(first, instances, options)),
  ]
}

/** A task often works on another machine than its instance's node. */
const elsewhere = ({ host }: Failure): string => (host === undefined ? '' : `; what failed ran on ${cleanLine(host)}`)

/** Every failure has something to do about it, also one that nobody knows. */
function curesOfKind({ kind, host }: Failure, { task, node }: InstanceRecord): readonly string[] {
  const machine = host ?? node
  switch (kind) {
    case 'unreachable':
      return [machine === 'hypervisor' ? 'kedge doctor' : `kedge doctor --on ${shellWord(machine)}`]
    case 'timeout':
      return ['if it only takes longer here, write in the lab file:', `tasks: { ${task}: { timeout: 1h } }`]
    case 'bundle':
      return ['kedge bundle verify']
    case 'bug':
      return ['a fault in kedge; the log says where it was']
    case 'own-task':
      return ['mend the file of the task, then run it again']
    case 'untrusted':
    case 'command':
    case 'still-pending':
    case 'refused':
      return ['not known; mend what the output or the log names, then run it again']
    default:
      return kind satisfies never
  }
}

const commandsInCures = /\bkedge (?=(?:bundle|destroy|doctor|kubectl|logs|run|ssh|status|verify|why)\b)/g

/** Cures are written for a kedge of that name on the lab of this folder. */
const asTypedHere = (text: string, kedge: string): string => text.replace(commandsInCures, () => `${kedge} `)

function heldBackTexts(heldBack: readonly InstanceRecord[]): readonly string[] {
  return [...Map.groupBy(heldBack, ({ task }) => task)].map(([task, its]) => `${cleanLine(task)} on ${listNodes(its)}`)
}

function nextCommands(
  first: InstanceRecord,
  instances: readonly InstanceRecord[],
  { kedge, alike }: FailureTextOptions,
): readonly string[] {
  const nodes = instances.length <= namedNodesAtMost ? ['--on', ...nodesOf(instances).map(shellWord)] : []
  const words = [shellWord(first.task), ...nodes, ...(alike === '' ? [] : [alike])]
  return [`${kedge} logs ${shellWord(first.id)}`, `${kedge} run ${words.join(' ')}`]
}
