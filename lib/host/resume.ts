import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { quote } from './quote.ts'

/** Exit codes of what receives a file: not all of it came; somebody else is at the same file, or has moved it. */
export const cutShort = 45
export const notOurs = 46

/** Hidden, and never under a name that anybody would take for a whole file. */
const partOf = (path: string) => `${dirname(path)}/.kedge-${basename(path)}.part`

/** Prints how many bytes have arrived of a file that was cut off on its way to `path`. */
export const askArrived = (path: string): string => `stat -c %s -- ${quote(partOf(path))} 2>/dev/null || echo 0`

export type Wanted = { readonly mode: number; readonly bytes: number; readonly sha256: string }

/**
 * Takes from stdin what comes after the first `from` bytes, which have arrived before; the sum is made over all. What was cut
 * off stays for the next time, and is taken away a day later by whoever sends something else there. Prints the sum where it
 * is not the expected one.
 */
export function resume(path: string, { mode, bytes, sha256 }: Wanted, from: number): string {
  const folder = quote(dirname(path))
  return [
    'set -e -o pipefail',
    `path=${quote(path)} part=${quote(partOf(path))}`,
    `mkdir -p -- ${folder}`,
    'umask 077',
    'exec 3>> "$part"',
    // Two at once would mix their bytes: one waits while the other gets on, which may be the far end of a link that is gone.
    'size=$(stat -L -c %s /dev/fd/3)',
    `until flock -w 5 3 2>/dev/null; do before=$size; size=$(stat -L -c %s /dev/fd/3); [ "$size" -gt "$before" ] || exit ${notOurs}; done`,
    // The file of one that has just ended bears its final name by now.
    `[ "$part" -ef /dev/fd/3 ] || exit ${notOurs}`,
    `find ${folder} -maxdepth 1 -type f -name '.kedge-*' -mmin +1440 ! -samefile "$part" -delete 2>/dev/null || true`,
    `[ "$(stat -c %s -- "$part")" -ge ${from} ] || exit ${notOurs}`,
    `truncate -s ${from} -- "$part"`,
    `chmod ${mode.toString(8)} -- "$part"`,
    arriving,
    `sum=$(arrive | again | sum) || exit`,
    'sum=$(echo "$sum" | cut -d " " -f 1)',
    `[ "$(stat -c %s -- "$part")" = ${bytes} ] || exit ${cutShort}`,
    `if [ "$sum" != ${quote(sha256)} ]; then rm -f -- "$part"; echo "$sum"; exit; fi`,
    'sync -- "$part"',
    'mv -fT -- "$part" "$path"',
  ].join('\n')
}

/**
 * Three at the same time, none of which makes the others wait: `arrive` writes what comes and says how far it is, `again` reads
 * that much out of the page cache for `sum`, and the disk begins to write before the last byte is there. One `tee` would copy
 * everything in pieces of 8 KiB, and wait for the sum.
 */
const arriving = `arrive() {
  local before after flush=
  after=$(stat -L -c %s /dev/fd/3)
  echo "$after"
  while before=$after; dd bs=128K count=1024 status=none >&3 || return; after=$(stat -L -c %s /dev/fd/3); [ "$after" -gt "$before" ]; do
    echo "$after"
    if ! kill -0 "$flush" 2>/dev/null; then
      # Whoever is told first of what a disk could not keep is the only one: the flush at the end would not know.
      [ -z "$flush" ] || wait "$flush" || return
      sync -- "$part" > /dev/null 3>&- &
      flush=$!
    fi
  done
  [ -z "$flush" ] || wait "$flush"
}
again() {
  local at=0 upto
  while read -r upto; do
    dd if="$part" bs=128K iflag=skip_bytes,count_bytes skip=$at count=$((upto - at)) status=none || return
    at=$upto
  done
}
sum() {
  # Where sha256sum does without the processor's own instructions openssl is several times as fast.
  case $(openssl dgst -sha256 -r < /dev/null 2>/dev/null) in
    ${createHash('sha256').digest('hex')}*) openssl dgst -sha256 -r ;;
    *) sha256sum ;;
  esac
}`
