import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { defaults } from 'zx/core'

/*
 * A kedge that is killed can end nothing itself. So each machine on which it runs commands has a guard: a bash that waits for the
 * end of its input, which comes with kedge's end however that came, and then ends the commands that still run. It finds them by a
 * mark in their arguments, or, once they have replaced their shell, in their environment. What a command made a session of its own
 * is a service and stays; so does what a finished command left behind.
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
  const child = startBash(sweepScript(known))
  await new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
}

function startBash(script: string) {
  const child = spawn('bash', ['--noprofile', '--norc', '-c', 'IFS= read -r -d "" REPLY; eval "$REPLY"'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: defaults.env?.PATH || '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    cwd: '/',
  })
  // Without bash no command can be run either, and that is said then.
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  child.stdin.write(`${script}\0`)
  return child
}

/** What a guard says, after its mark, when it has ended what it was started to end first. */
export const sweptLine = 'swept'
/** Written to a guard that is not needed any more: it ends, and ends nothing else. */
export const dismissal = 'bye\n'

/** Ends at once what `before` marks, then waits for the end of its input and ends what `mark` marks. */
export const guardScript = (mark: string, before: readonly string[] = []): string =>
  [
    "trap '' HUP INT TERM PIPE",
    sweepScript(before),
    `echo ${mark}${sweptLine}`,
    'while IFS= read -r word; do if [ "$word" = bye ]; then exit 0; fi; done',
    // Nobody reads this any more.
    'exec > /dev/null 2>&1',
    sweepScript([mark]),
  ].join('\n')

const sweepScript = (prefixes: readonly string[]): string =>
  prefixes.length === 0 ? '' : [sweepFunctions, ...prefixes.map((prefix) => `sweep ${prefix}`)].join('\n')

// Two looks find nothing before it is over: a command may just be starting. SIGTERM comes first and once, so that scripts can
// remove what they have written half; two seconds later SIGKILL. A process that has ended, but that nobody has asked how, is gone.
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
  local prefix=$1 groups=' ' quiet=0 round path pid stat word
  for ((round = 0; round < 100 && quiet < 2; round++)); do
    quiet=$((quiet + 1))
    for path in $(grep -lasF -e $prefix /proc/[0-9]*/cmdline /proc/[0-9]*/environ); do
      pid=\${path#/proc/}
      pid=\${pid%/*}
      case $groups in *" $pid "*) continue ;; esac
      { IFS= read -r stat < /proc/$pid/stat; } 2>/dev/null || continue
      set -- \${stat##*) }
      if [ "$3" != $pid ] || [ "$1" = Z ]; then continue; fi
      { while IFS= read -r -d '' word; do
        case $word in
          ${groupVariable}=$prefix*) if [ "\${word##*.}" != $pid ]; then continue; fi ;;
          $prefix*) ;;
          *) continue ;;
        esac
        groups="$groups$pid "
        kill -TERM -- -$pid
        break
      done < $path; } 2>/dev/null
    done
    for pid in $groups; do
      if ! lives $pid; then continue; fi
      quiet=0
      if [ $round -ge 20 ]; then kill -KILL -- -$pid 2>/dev/null; fi
    done
    if [ $quiet -lt 2 ]; then sleep 0.1 || sleep 1; fi
  done
}`
