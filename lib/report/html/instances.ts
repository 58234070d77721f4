import type { LogExcerpt } from '../../event/log-excerpts.ts'
import { cleanLine, lastVersion } from '../clean-line.ts'
import { formatSeconds } from '../duration.ts'
import type { InstanceRecord } from '../fold-run.ts'
import { formatBytes } from '../size.ts'
import { dataElement } from './escape.ts'
import { stateWords } from './state-words.ts'
import type { Waiting } from './waiting.ts'

/** What the page's script is told of an instance: names and texts, all on one line each. */
export type InstanceDetails = {
  readonly id: string
  readonly task: string
  readonly node: string
  readonly state: string
  readonly words: string
  /** Names with their texts, in the order in which they are shown. */
  readonly facts: readonly (readonly [string, string])[]
  readonly lastLines?: readonly string[]
}

const mostNeeds = 6

export function instanceDetails(
  instances: readonly InstanceRecord[],
  waits: ReadonlyMap<string, readonly string[]>,
  waiting: ReadonlyMap<string, Waiting>,
  mainRun: string,
): readonly InstanceDetails[] {
  return instances.map((instance) => {
    const { id, task, node, state, failure } = instance
    const lastLines = failure?.lastLines?.map((line) => cleanLine(lastVersion(line)))
    return {
      id: cleanLine(id),
      task: cleanLine(task),
      node: cleanLine(node),
      state,
      words: stateWords(instance),
      facts: factsOf(instance, waits.get(id) ?? [], waiting.get(id), mainRun).map(([name, text]) => [
        name,
        cleanLine(text),
      ]),
      ...(lastLines && lastLines.length > 0 ? { lastLines } : {}),
    }
  })
}

function factsOf(
  { id, run, startedAt, finishedAt, attempts, why, failure }: InstanceRecord,
  needs: readonly string[],
  waiting: Waiting | undefined,
  mainRun: string,
): readonly (readonly [string, string])[] {
  const queuedSeconds = waiting ? (Date.parse(startedAt) - waiting.readyAt) / 1000 : 0
  const shown = needs.slice(0, mostNeeds).join(', ')
  const facts: readonly (readonly [string, string | number | undefined])[] = [
    ['time', `${clock(startedAt)} to ${clock(finishedAt)} UTC, ${startedAt.slice(0, 10)}`],
    ['earlier run', run === mainRun ? undefined : run],
    ['attempts', attempts > 1 ? attempts : undefined],
    ['ran because', attempts > 0 ? why : undefined],
    ['waits for', needs.length > mostNeeds ? `${shown} and ${needs.length - mostNeeds} more` : shown],
    ['began after', waiting?.lastNeed],
    ['waited for a job', queuedSeconds >= 0.1 ? formatSeconds(queuedSeconds) : undefined],
    ['on', failure?.host],
    ['command', failure?.command],
    ['exit code', failure?.exitCode],
    ['signal', failure?.signal],
    ['cause', failure?.cause],
    ['cure', failure?.cure],
    ['whole log', attempts > 0 ? `kedge logs ${id} --run ${run}` : undefined],
  ]
  return facts.flatMap(([name, text]) => (text === undefined || text === '' ? [] : [[name, String(text)] as const]))
}

const clock = (at: string): string => at.slice(11, 19)

/** An element per log, so that the browser reads only the one that is looked at. */
export function logElements(
  instances: readonly InstanceRecord[],
  logs: ReadonlyMap<string, LogExcerpt>,
): readonly string[] {
  return instances.flatMap(({ id }, index) => {
    const log = logs.get(id)
    return log ? [dataElement(`log-${index}`, shown(log))] : []
  })
}

const shown = ({ path, bytes, head, tail }: LogExcerpt) => ({
  note: tail
    ? `${formatBytes(bytes)}; here its first and last part, the whole log begins in ${cleanLine(path)}`
    : `${formatBytes(bytes)}, from ${cleanLine(path)}`,
  head: head.map(logLine),
  ...(tail ? { tail: tail.map(logLine) } : {}),
})

/** A line in a log has the time and a mark before what a node printed, which may redraw itself. */
function logLine(line: string): string {
  const [, before = '', text = line] = /^(\S+ [$ !#] )(.*)$/s.exec(line) ?? []
  return cleanLine(before + lastVersion(text))
}
