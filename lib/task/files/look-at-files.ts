import { refused } from '../../event/failure.ts'
import type { Shell } from '../../host/host.ts'
import { linesOf } from '../../host/lines-of.ts'
import type { TaskFiles } from '../../topology/topology.ts'
import { everythingBelow, isExclusion, joined, means, type Pattern, patternsOf } from './pattern.ts'

/** Path as written in the file → what is in it: a digest of its content, or of a symbolic link where it points to. */
export type Contents = ReadonlyMap<string, string>

export type FoundFiles = {
  readonly inputs: Contents
  /** Patterns of outputs that nothing is there for. */
  readonly missingOutputs: readonly string[]
}

/** Folder, expression, depth, whether hidden; each side's patterns in one list. See the script for what comes back. */
type Wanted = { readonly side: 'input' | 'output'; readonly text: string; readonly pattern: Pattern }

/**
 * Lists and digests what the patterns mean on the machine of this `$`, in one round trip. Content decides and never a time or
 * a size. A wildcard finds files and symbolic links, and follows none; what is named is followed. What is an output is no
 * input. Refuses an input that is named and not there, or that cannot be read.
 */
export async function lookAtFiles($: Shell, { inputs, outputs }: TaskFiles): Promise<FoundFiles> {
  const wantedOf = (side: Wanted['side'], texts: readonly string[]) =>
    texts
      .filter((text) => !isExclusion(text))
      .flatMap((text) => patternsOf(text).map((pattern): Wanted => ({ side, text, pattern })))
  const wanted = [...wantedOf('input', inputs), ...wantedOf('output', outputs)]
  const left = [...inputs.filter(isExclusion), ...outputs].flatMap(patternsOf)
  const words = wanted.flatMap(({ side, pattern: { path, below = '', depth = '', meansHidden } }) => [
    side,
    path,
    below,
    String(depth),
    meansHidden ? 'hidden' : '',
  ])
  const answer = await $({ quiet: true, input: script })`bash --noprofile --norc -s -- ${words}`.nothrow()
  const complaints = linesOf({ stdout: answer.stderr }).filter((line) => !/: No such file or directory$/.test(line))
  if (complaints.length > 0 || (answer.exitCode !== 0 && answer.exitCode !== unread)) {
    throw refused(`its files cannot be looked at: ${complaints[0] ?? `exit code ${answer.exitCode}`}`)
  }
  return foundIn(answer.stdout.split('\0'), wanted, (name) => left.some((pattern) => means(pattern, name)))
}

function foundIn(
  records: readonly string[],
  wanted: readonly Wanted[],
  isLeftOut: (name: string) => boolean,
): FoundFiles {
  if (records[0] !== 'B' || records.at(-2) !== 'E') {
    throw refused('it has more input files than can be told apart', 'name fewer of them, or take some out with `!`')
  }
  const inputs = new Map<string, string>()
  const missingOutputs = new Set<string>()
  const note = (name: string, content: string) => isLeftOut(name) || inputs.set(name, content)
  let at = -1
  for (let next = 1; next < records.length - 2; next++) {
    const record = records[next] as string
    if (record === 'S') {
      at++
      continue
    }
    const { side, text, pattern } = wanted[at] as Wanted
    if (record === 'M' && side === 'output') missingOutputs.add(text)
    else if (record === 'M') {
      throw refused(
        `its input ${text} is not there`,
        'correct `inputs`, or name the task that makes it in `needs`; what may be missing is written with a wildcard',
      )
    } else if (record === 'O') throw refused(`its input ${text} is neither a file nor a folder`)
    else if (record.startsWith('n')) note(pattern.path, record.slice(1))
    else if (record.startsWith('l')) note(joined(pattern.path, records[++next] as string), `→ ${record.slice(1)}`)
    else note(joined(pattern.path, record.slice(digits + 2)), record.slice(0, digits))
  }
  return { inputs, missingOutputs: [...missingOutputs] }
}

/** Of a file's sha256 in hex: enough to tell contents apart, and half as much to send. */
const digits = 32
/** Exit code where something that was listed could not be read. */
const unread = 3

/**
 * Records that end with NUL: B, then S for each pattern with what it found, then E. M is missing, O neither file nor folder,
 * `n…` a named file's digest, `l…` a link's target and after it its name, all else a digest with `./name`.
 */
const script = `
set -uo pipefail
export LC_ALL=C
unset CDPATH
home=~
code=0
# folder, expression, depth, hidden, and what to do with what is found
search() {
  local options=(-regextype posix-extended -mindepth 1) pruned=(-name '.*' -prune -o)
  [ -z "$3" ] || options+=(-maxdepth "$3")
  [ -z "$4" ] || pruned=(-false -o)
  find . -ignore_readdir_race "\${options[@]}" "\${pruned[@]}" -regex "\\./($2)" "\${@:5}"
}
content() (
  cd -- "$1" || exit 1
  search "$@" -type l -printf 'l%l\\0%P\\0' || exit 1
  search "$@" -type f -print0 | xargs -0 -r sha256sum -z -- | cut -z -b 1-${digits},67-
)
any() (
  cd -- "$1" 2>/dev/null || exit 1
  [ -n "$(search "$@" ! -xtype l -printf x -quit)" ]
)
printf 'B\\0'
while [ $# -gt 0 ]; do
  side=$1 path=$2 below=$3 depth=$4 hidden=$5
  shift 5
  printf 'S\\0'
  case $path in
    '~') path=$home ;;
    '~/'*) path=$home/\${path#'~/'} ;;
    /*) ;;
    *) path=./$path ;;
  esac
  if [ "$side" = output ]; then
    if [ -n "$below" ]; then any "$path" "$below" "$depth" "$hidden" || printf 'M\\0'
    elif [ ! -e "$path" ]; then printf 'M\\0'
    fi
  elif [ -n "$below" ]; then
    if [ -d "$path" ]; then content "$path" "$below" "$depth" "$hidden" || code=${unread}; fi
  elif [ -d "$path" ]; then content "$path" '${everythingBelow}' '' '' || code=${unread}
  elif [ -f "$path" ]; then
    sum=$(sha256sum < "$path") || code=${unread}
    printf 'n%.${digits}s\\0' "$sum"
  elif [ -e "$path" ]; then printf 'O\\0'
  else printf 'M\\0'
  fi
done
printf 'E\\0'
exit "$code"
`
