import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { defaults } from 'zx/core'

/*
 * A kedge that is killed can end nothing itself. So each machine on which it runs commands has a guard: a bash that waits for the
 * end of its input, which comes with kedge's end however that came, and then ends the commands that still run. It finds them by a
 * mark in their arguments, or, once they have replaced their shell, in their environment. What a command made a session of its own
 * is a service and stays; so does what a finished command left behind, which is why the guard is told of each end: a shell that
 * writes to a dead kedge is gone at once, and what it leaves behind must not be taken for a finished command's.
 */

/** Every command of this process carries a mark that begins so. */
export const processMark = `kedge-${randomBytes(8).toString('hex')}.`

let marks = 0
export const newMark = (): string => `${processMark}${++marks}.`

/** The variable that says which command a process belongs to: the mark, and the number of its process group. */
export const groupVariable = 'KEDGE_COMMAND'

const localMark = newMark()

/** What bash gets after its script, and what the script must begin with. */
export const localArguments = ['bash', localMark] as const
export const localPrefix = `export ${groupVariable}="$1$$"; shift; `

let guard: { readonly stdin: NodeJS.WritableStream } | undefined

/** Starts this machine's guard, once. It ends with this process. */
export function guardHere(): void {
  if (guard) return
  const child = startBash(guardScript(localMark))
  child.unref()
  const { stdin } = child
  ;(stdin as typeof stdin & { unref?(): void }).unref?.()
  guard = { stdin }
}

/** A command of this machine has ended; what it left in its process group is a service. */
export function tellGuardHere(group: number): void {
  guard?.stdin.write(endOfCommand(group))
}

/** When no command runs any more: the guard has nothing to look for, and ends. */
export function dismissGuardHere(): void {
  guard?.stdin.end(dismissal)
  guard = undefined
}

const killed: string[] = []

/** Marks of kedges that were killed while they held this lab: nodes are freed of them at the first connection. */
export const marksOfKilled = (): readonly string[] => killed

/** Ends what commands of killed kedges still run on this machine, and has the nodes' guards do the same there. */
export async function endLeftovers(ofKilled: readonly string[]): Promise<void> {
  // They stand in a shell script, and come from a file.
  const known = ofKilled.filter((mark) => /^kedge-[0-9a-f]{16}\.$/.test(mark))
  if (known.length === 0) return
  killed.push(...known)
  const child = startBash([sweepScript(known), awaitGuards(known)].join('\n'))
  await new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
}

function startBash(script: string) {
  // In its arguments: what is written to it may still be on its way when the first command has begun and kedge is killed.
  const child = spawn('bash', ['--noprofile', '--norc', '-c', script], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: defaults.env?.PATH || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
  })
  // Without bash no command can be run either, and that is said then.
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  return child
}

/** What a guard says, after its mark, when it has ended what it was started to end first. */
export const sweptLine = 'swept'
/** Written to a guard when the command of a process group has ended. */
export const endOfCommand = (group: number): string => `${group}\n`
/** Written to a guard that is not needed any more: it ends, and ends nothing else. */
export const dismissal = 'bye\n'

/** Ends at once what `before` marks, then waits for the end of its input and ends what `mark` marks. */
export const guardScript = (mark: string, before: readonly string[] = []): string =>
  [
    "trap '' HUP INT TERM PIPE",
    sweepScript(before),
    `echo ${mark}${sweptLine}`,
    "ended=' '",
    'while IFS= read -r word; do if [ "$word" = bye ]; then exit 0; fi; ended+="$word "; done',
    // Nobody reads this any more.
    'exec > /dev/null 2>&1',
    sweepScript([mark]),
  ].join('\n')

const sweepScript = (prefixes: readonly string[]): string =>
  prefixes.length === 0 ? '' : [sweepFunctions, ...prefixes.map((prefix) => `sweep ${prefix}`)].join('\n')

// A group that has lost its first process is the guard's of its own kedge, who knows what has ended: its grace is waited for.
// The brackets keep grep from finding itself.
const awaitGuards = (prefixes: readonly string[]): string => {
  const guards = prefixes.map((prefix) => `-e 'ech[o] ${prefix}'`).join(' ')
  return `for ((round = 0; round < 150; round++)); do grep -qas ${guards} /proc/[0-9]*/cmdline || break; sleep 0.1 || sleep 1; done`
}

// Two looks find nothing before it is over: a command may just be starting. SIGTERM comes first and once, so that scripts can
// remove what they have written half; two or three seconds later SIGKILL. A process that has ended, but that nobody has asked how, is gone.
// Without a list of what has ended, a group that has lost its first process is left alone.
const sweepFunctions = `
lives() {
  local stat group=$1
  kill -0 -- -$group 2>/dev/null || return 1
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r stat < $stat; } 2>/dev/null || continue
    set -- \${stat##*) }
    if [ "$3" = $group ] && [ "$1" != Z ]; then return 0; fi
  done
  return 1
}
sweep() {
  local prefix=$1 groups=' ' quiet=0 round began=$SECONDS path pid group stat word
  for ((round = 0; round < 100 && quiet < 2; round++)); do
    quiet=$((quiet + 1))
    for path in $(grep -lasF -e $prefix /proc/[0-9]*/cmdline /proc/[0-9]*/environ); do
      pid=\${path#/proc/}
      pid=\${pid%/*}
      { IFS= read -r stat < /proc/$pid/stat; } 2>/dev/null || continue
      set -- \${stat##*) }
      group=$3
      case $groups in *" $group "*) continue ;; esac
      if [ "$1" = Z ]; then continue; fi
      if [ $group != $pid ]; then case \${ended-all} in all | *" $group "*) continue ;; esac; fi
      { while IFS= read -r -d '' word; do
        case $word in
          ${groupVariable}=$prefix*) if [ "\${word##*.}" != $group ]; then continue; fi ;;
          $prefix*) if [ $group != $pid ]; then continue; fi ;;
          *) continue ;;
        esac
        groups="$groups$group "
        kill -TERM -- -$group
        break
      done < $path; } 2>/dev/null
    done
    for group in $groups; do
      if ! lives $group; then continue; fi
      quiet=0
      if [ $((SECONDS - began)) -ge 3 ]; then kill -KILL -- -$group 2>/dev/null; fi
    done
    if [ $quiet -lt 2 ]; then sleep 0.1 || sleep 1; fi
  done
}`
