import { type Failure, TaskError } from '../event/failure.ts'
import { knownFailure } from '../event/known-failure.ts'
import type { Host } from '../host/host.ts'
import { linesOf } from '../host/lines-of.ts'
import { mask } from '../host/secret.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TaskContext } from './task.ts'

/** What logs say of a failure: the lines for people, oldest first, and what is behind them where that is known. */
export type Reason = { readonly lines: readonly string[]; readonly cause?: string; readonly cure?: string }

const keptLines = 8
const keptCharacters = 400

/** A join token, which edgecore itself prints when it cannot take one apart, and any JWT: also those of other days. */
const tokens = /\b(?:[0-9a-f]{64}\.)?eyJ[\w-]+\.[\w-]+\.[\w-]+/g
/** klog's errors and fatal ends, Go's panics, logrus' errors, systemd's word on a unit that ended. */
const isError = /^(?:[EF]\d{4} |panic: |Error\b|error\b)|\blevel=(?:error|fatal)|Main process exited|Failed with result/
/** When and where klog printed a line: what the same complaint differs in from one time to the next. */
const stamp = /^([EFIW])\d{4} [\d:.]+\s+\d+ /

/** What a log's lines come to: its last errors, each once, and the signature that one of all the lines bears. */
export function reasonIn(log: readonly string[], node: string): Reason | undefined {
  const lines = log.map((line) => mask(line).replace(tokens, '***')).filter((line) => line.trim() !== '')
  if (lines.length === 0) return undefined
  const errors = new Map(lines.filter((line) => isError.test(line)).map((line) => [line.replace(stamp, '$1 '), line]))
  const shown = errors.size > 0 ? [...errors.values()] : lines
  const known = knownFailure(lines, node)
  return {
    lines: shown.slice(-keptLines).map((line) => line.slice(0, keptCharacters)),
    ...(known ? { cause: known.cause, cure: known.cure } : {}),
  }
}

/** A systemd unit as it is now: `active`, `failed`, `activating (auto-restart)`, `not-found` …; and its journal. */
export type UnitLog = { readonly state: string; readonly restarts: number; readonly log: readonly string[] }

/** The unit's state and what its journal holds of the last so many seconds, or of all time: at most its last 200 lines. */
export async function unitLog(host: Host, unit: string, seconds?: number): Promise<UnitLog> {
  // Relative, so that nobody's clock but the node's own is asked.
  const since = seconds === undefined ? [] : [`--since=-${seconds}s`]
  const answer = await host.$({
    quiet: true,
  })`systemctl show ${unit} --property=LoadState,ActiveState,SubState,NRestarts || true
printf '\\n\\n'
journalctl -u ${unit} ${since} -n 200 -o cat --no-pager || true`.nothrow()
  const [head = '', ...rest] = answer.stdout.split('\n\n')
  const property = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(head)?.[1] ?? ''
  const [active, sub] = [property('ActiveState'), property('SubState')]
  const isPlain = active === '' || sub === '' || ['running', 'dead', active].includes(sub)
  const state = property('LoadState') === 'not-found' ? 'not-found' : isPlain ? active : `${active} (${sub})`
  return { state, restarts: Number(property('NRestarts')) || 0, log: linesOf({ stdout: rest.join('\n\n') }) }
}

/** What a unit's journal says, under a line on its state; undefined where it says nothing. */
export async function unitReason(host: Host, unit: string, seconds?: number): Promise<Reason | undefined> {
  const { state, restarts, log } = await unitLog(host, unit, seconds)
  const reason = reasonIn(log, host.name)
  return reason && { ...reason, lines: [unitState(unit, state, restarts), ...reason.lines] }
}

/** `edgecore is activating (auto-restart), restarted 12 times` */
const unitState = (unit: string, state: string, restarts: number): string =>
  `${unit} is ${state || 'not known'}${restarts > 0 ? `, restarted ${restarts} times` : ''}`

/**
 * Runs `work`. Where a command of it fails, what the unit's journal holds since then becomes part of the failure: keadm and
 * kubeadm only say that they waited in vain.
 */
export async function withJournalOf<T>(ctx: TaskContext, unit: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  try {
    return await work()
  } catch (error) {
    const failure = toFailure(error)
    if (ctx.signal.aborted || (failure.kind !== 'command' && failure.kind !== 'timeout')) throw error
    const seconds = Math.ceil((performance.now() - began) / 1000) + 1
    const reason = await unitReason(ctx.host, unit, seconds).catch(() => undefined)
    throw reason ? new TaskError(explained(failure, reason, unit, ctx.node.name), { cause: error }) : error
  }
}

/** The program's own words keep their place, and what they explain; that it waited in vain explains nothing. */
function explained(failure: Failure, reason: Reason, unit: string, node: string): Failure {
  const own = failure.lastLines?.slice(-keptLines) ?? []
  const known = knownFailure(own, node)
  const last = reason.lines.at(-1)
  const [cause, cure] =
    known && !known.isVague
      ? [known.cause, known.cure]
      : reason.cause
        ? [reason.cause, reason.cure]
        : [`${unit} says: ${last}`, known?.cure]
  return { ...failure, lastLines: [...own, ...reason.lines], cause, ...(cure ? { cure } : {}) }
}
