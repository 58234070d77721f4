import type { Host } from '../host/host.ts'

/** A program on a node; `unit` is the service, or the container, whose control group it is in. */
export type Process = { readonly name: string; readonly unit?: string }

/** An address that was tried, as the node's kernel saw it. Protocols are numbers, and a port is 0 where there is none. */
export type Tried = {
  readonly from: string
  readonly to: string
  readonly protocol: number
  readonly port: number
  readonly packets: number
}

export type Seen = {
  /** Everything that was tried since the node was cut off. */
  onTried(tried: readonly Tried[]): void
  /** A socket of a process that is at it, perhaps, with one of those. */
  onSocket(from: string, to: string, port: number, process: Process): void
}

/** Shorter than the second that the kernel waits before it tries a connection again. */
const secondsBetweenLooks = 0.7
/** A look must not take a slow node's time away from what it is there to do: it pauses so many times as long as it took. */
const pauseToLook = 6
const longestPauseSeconds = 2
/** What leaves no socket that waits is in the kernel's list alone, and to read that takes a program, which a slow node feels. */
const pauseToList = 40
const longestBetweenListsSeconds = 4

/**
 * Looks at a node that is cut off, again and again, in one command. Ends when the host's signal fires; rejects where the
 * connection is lost, and may be called again then: what was tried meanwhile is still told.
 */
export async function watchNode(host: Host, seen: Seen): Promise<void> {
  const read = reader(seen)
  const command = host.$`
    eval ${sharedFunctions}
    eval ${waitingFunction}
    eval ${releaseFunction}
    # It is little, and must not wait behind all that it watches.
    renice -n -10 $BASHPID > /dev/null 2>&1 || true
    exec {never}<> <(:)
    before=
    nextList=0
    while :; do
      began=\${EPOCHREALTIME/[.,]/}
      syn=
      if isWaiting; then syn=$(ss -tunpH state syn-sent) || syn=; fi
      sockets "$syn"
      if [ -n "$syn" ] || [ $began -ge $nextList ]; then
        tried=$(nft -n list table inet kedge_prove) || tried=
        # Behind these two come sets whose times change with every look.
        tried=\${tried%%set held4*}
        nextList=$(( (\${EPOCHREALTIME/[.,]/} - began) * ${pauseToList} ))
        if [ $nextList -gt ${longestBetweenListsSeconds * 1e6} ]; then nextList=${longestBetweenListsSeconds * 1e6}; fi
        nextList=$((began + nextList))
        if [ "$tried" != "$before" ]; then
          sockets "$(ss -tunpH state connected)"
          for space in /run/netns/*; do
            if [ -e $space ]; then
              there=$(nsenter --net=$space ss -tunpH state syn-sent 2> /dev/null) || there=
              sockets "$there"
              syn+=$'\n'$there
            fi
          done
          printf '%s\n' @tried "$tried" @end
          before=$tried
        fi
      fi
      release "$syn"
      pause=$(( (\${EPOCHREALTIME/[.,]/} - began) * ${pauseToLook} ))
      if [ $pause -lt ${secondsBetweenLooks * 1e6} ]; then pause=${secondsBetweenLooks * 1e6}; fi
      if [ $pause -gt ${longestPauseSeconds * 1e6} ]; then pause=${longestPauseSeconds * 1e6}; fi
      printf -v pause '%d.%06d' $((pause / 1000000)) $((pause % 1000000))
      read -rt $pause -u $never || true
    done`
  for await (const line of command.quiet()) read(line)
}

/** Everything that was tried on a node until now. */
export async function triedOn(host: Host): Promise<readonly Tried[]> {
  const { stdout } = await host.$`nft -n list table inet kedge_prove`.nothrow().quiet()
  return parseTried(stdout.split('\n').filter((line) => !line.includes('@')))
}

/** Which process on a node has a connection from this port of its own; undefined where it has ended. */
export async function processAt(host: Host, port: number): Promise<Process | undefined> {
  const { stdout } = await host.$`
    eval ${sharedFunctions}
    sockets "$(ss -tnpH ${`sport = :${port}`})"`
    .nothrow()
    .quiet()
  let found: Process | undefined
  const read = reader({
    onTried() {},
    onSocket(_from, _to, to, process) {
      if (to === 53) found = process
    },
  })
  stdout.split('\n').forEach(read)
  return found
}

/** Prints the lines of `ss`, each after the units of the processes in it. */
const sharedFunctions = `
sockets() {
  local rest=$1 pid line unit
  while [[ $rest =~ pid=([0-9]+) ]]; do
    pid=\${BASH_REMATCH[1]}
    rest=\${rest#*pid=$pid}
    unit=
    while IFS= read -r line; do case $line in 0::* | *:name=systemd:*) unit=\${line##*/} ;; esac; done 2> /dev/null < /proc/$pid/cgroup
    printf '@unit %s %s\\n' "$pid" "$unit"
  done
  if [ -n "$1" ]; then printf '%s\\n' "$1"; fi
}`

/** Whether a connection waits for its first answer, by the kernel's own table and without any program: state 02 is SYN-SENT. */
const waitingFunction = `
isWaiting() {
  local table text
  for table in /proc/net/tcp /proc/net/tcp6; do
    text=
    { IFS= read -rd '' text < $table; } 2> /dev/null || true
    case $text in *' 02 '*) return 0 ;; esac
  done
  return 1
}`

/** Lets go what the rules hold until its process was looked for; bash's own pattern, so that no program is started for it. */
const releaseFunction = `
release() {
  local line four= six=
  while IFS= read -r line; do
    if [[ $line =~ :([0-9]+)[[:space:]]+\\[?([0-9a-f.:]+)(%[^]]*)?\\]?:([0-9]+)[[:space:]] ]]; then
      case \${BASH_REMATCH[2]} in
        *:*) six+="\${BASH_REMATCH[2]} . \${BASH_REMATCH[4]} . \${BASH_REMATCH[1]}, " ;;
        *) four+="\${BASH_REMATCH[2]} . \${BASH_REMATCH[4]} . \${BASH_REMATCH[1]}, " ;;
      esac
    fi
  done <<< "$1"
  if [ -n "$four" ]; then nft add element inet kedge_prove looked4 "{ \${four%, } }" || true; fi
  if [ -n "$six" ]; then nft add element inet kedge_prove looked6 "{ \${six%, } }" || true; fi
} 2> /dev/null`

/** Takes the output line by line. */
function reader({ onTried, onSocket }: Seen): (line: string) => void {
  const units = new Map<string, string>()
  let tried: string[] | undefined
  return (line) => {
    if (line === '@tried') tried = []
    else if (line === '@end') {
      onTried(parseTried(tried ?? []))
      tried = undefined
    } else if (tried) tried.push(line)
    else if (line.startsWith('@unit ')) {
      const [, pid = '', unit = ''] = line.split(' ')
      units.set(pid, unit)
    } else {
      const socket = /(\S+):\d+\s+(\S+):(\d+)\s+users:\(\("(.*?)",pid=(\d+)/.exec(line)
      if (!socket) return
      const [, from = '', to = '', port, name = '', pid = ''] = socket
      const unit = units.get(pid)
      onSocket(bare(from), bare(to), Number(port), { name, ...(unit ? { unit } : {}) })
    }
  }
}

/** `[fd00::1]` and `10.0.0.1%eth0` as the kernel's own rules write them. */
const bare = (address: string): string => address.replace(/^\[|\]$/g, '').replace(/%.*$/, '')

/** Elements such as `10.0.0.2 . 198.51.100.7 . 6 . 443 counter packets 2 bytes 120`, several to a line or one. */
function parseTried(lines: readonly string[]): readonly Tried[] {
  const elements = lines.join('\n').matchAll(/([\da-f.:]+) \. ([\da-f.:]+) \. (\d+) \. (\d+) counter packets (\d+)/g)
  return [...elements].map(([, from = '', to = '', protocol, port, packets]) => ({
    from,
    to,
    protocol: Number(protocol),
    port: Number(port),
    packets: Number(packets),
  }))
}
