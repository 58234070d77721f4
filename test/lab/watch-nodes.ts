import type { Shown } from '../secrets/watch-processes.ts'
import { onGuest } from './guests.ts'
import type { Lab } from './lab.ts'

export type NodeWatch = {
  /** Ends it everywhere; what was shown on the nodes, where `group` is the node, and which of them were looked at. */
  stop(): Promise<{ readonly shown: readonly Shown[]; readonly watched: readonly string[] }>
}

/**
 * Every three seconds is often for an emulated machine, and what is given a token to join with lives far longer there. A
 * process's environment is looked at with its arguments: both become others when it becomes another program. What has no
 * arguments when it is first seen is the kernel's.
 */
const program = `import json, os, time
seen = set()
arguments = {}
def read(pid, what):
    try:
        with open(f'/proc/{pid}/{what}', 'rb') as file:
            return file.read()
    except OSError:
        return b''
def note(what, text):
    if text and (what, text) not in seen:
        seen.add((what, text))
        out.write(json.dumps([what, text.decode('latin1')]) + '\\n')
        out.flush()
with open('/run/kedge-lab-watch.new', 'w') as out:
    os.rename('/run/kedge-lab-watch.new', '/run/kedge-lab-watch')
    while True:
        pids = [pid for pid in os.listdir('/proc') if pid.isdigit()]
        arguments = {pid: arguments[pid] for pid in pids if pid in arguments}
        for pid in pids:
            if arguments.get(pid) == b'':
                continue
            text = read(pid, 'cmdline')
            if arguments.get(pid) == text:
                continue
            arguments[pid] = text
            if text:
                note('cmdline', text)
                note('environ', read(pid, 'environ'))
        time.sleep(3)
`

const start = `umask 077
[ ! -e /run/kedge-lab-watch ] || exit 0
cat >/run/kedge-lab-watch.py <<'PROGRAM'
${program}PROGRAM
setsid python3 /run/kedge-lab-watch.py >/dev/null 2>&1 </dev/null &
echo $! >/run/kedge-lab-watch.pid
until [ -e /run/kedge-lab-watch ]; do sleep 0.2; done
`

const end = `kill $(cat /run/kedge-lab-watch.pid)
cat /run/kedge-lab-watch
rm -f /run/kedge-lab-watch*
`

/**
 * Looks at the arguments and environment of every process on the nodes, each from the moment on when its SSH answers. What they
 * showed lies in memory there, and leaves nothing behind.
 */
export function watchNodes(lab: Lab, nodes: readonly string[]): NodeWatch {
  const ended = new AbortController()
  const begin = async (node: string): Promise<string[]> => {
    while (!ended.signal.aborted) {
      // No key yet, no answer yet, or the link was lost in between: all of them pass.
      const code = await onGuest(lab, node, start).then(
        (result) => result.code,
        () => 255,
      )
      if (code === 0) return [node]
      await Bun.sleep(1000)
    }
    return []
  }
  const begun = Promise.all(nodes.map(begin))
  return {
    async stop() {
      ended.abort()
      const watched = (await begun).flat()
      const shown = await Promise.all(
        watched.map(async (node) => shownOn(node, (await onGuest(lab, node, end)).output)),
      )
      return { shown: shown.flat(), watched }
    },
  }
}

function shownOn(node: string, output: string): readonly Shown[] {
  const lines = output.split('\n').filter((line) => line.startsWith('["'))
  return lines.map((line) => {
    const [what, text] = JSON.parse(line) as [Shown['what'], string]
    return { what, group: node, text }
  })
}
