/** Where a node keeps, under each program's own path, its sha256 and what `stat` said of it when that was read. */
export const notesFolder = '/var/lib/kedge/programs'

/**
 * What tells a file apart from what it was: size, inode, and the times of the last change to its content and to anything
 * about it. The last one no program can set back.
 */
const functions = `state() { stat -L -c '%s %i %y %z' "$1" 2>/dev/null; }
isNoted() { [ -s "$0$1" ] && [ "$(tail -n +2 "$0$1" 2>/dev/null)" = "$(state "$1")" ]; }`

/**
 * The words of a command that prints a line of sha256sum for each of the programs after them that is there. Programs are up to
 * 120 MB, and every check asks: what has not changed since it was noted is not read again.
 */
export const sumsOf = (notes: string): readonly string[] => [
  'bash',
  '-c',
  `${functions}
for program in "$@"; do
  [ -e "$program" ] || continue
  if isNoted "$program"; then echo "$(head -n 1 "$0$program")  $program"; else sha256sum "$program"; fi
done`,
  notes,
]

/** The words of a command that notes the programs after them. The state comes first: whatever changes from then on is seen. */
export const noteSums = (notes: string): readonly string[] => [
  'bash',
  '-c',
  `${functions}
set -e
for program in "$@"; do
  if isNoted "$program"; then continue; fi
  found=$(state "$program")
  mkdir -p "$(dirname "$0$program")"
  printf '%s\\n' "$(sha256sum "$program" | cut -c 1-64)" "$found" > "$0$program.new"
  mv -f "$0$program.new" "$0$program"
done`,
  notes,
]
