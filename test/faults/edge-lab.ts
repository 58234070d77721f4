import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { edgeJson, nodeLines } from '../distribution/kubectl-answers.ts'
import { addressesOf } from '../loopback.ts'
import { edgecoreYaml } from '../tasks/fake-edge.ts'
import { coveredMachine } from './covered-machine.ts'
import { nodeOn, type SshLab, sshLab } from './ssh-lab.ts'

/**
 * A control plane and an edge behind a real sshd, with kedge's own tasks from the token to the join. Both are this machine with
 * its folders covered, and with programs in the way that answer as KubeEdge's do; CloudCore is who listens on three ports.
 */
export type EdgeLab = SshLab & {
  /** What the programs know of the cluster, by name; undefined takes it away. */
  set(fact: Fact, text?: string): void
  /** How often CloudCore was restarted, and keadm was asked to join. */
  count(what: 'restarts' | 'joins'): number
  /** Runs on the machines, as kedge's commands do. */
  onNode(script: string): string
  readonly address: string
  openPorts(...ports: readonly number[]): Promise<void>
  closePorts(): Promise<void>
  stop(): Promise<void>
}

/**
 * - `secrets`: what the cluster holds of token and CA now; `secrets.next`: and after CloudCore was restarted
 * - `accepted`: the token that CloudCore takes; `words`: edgecore's about any other
 * - `ahead`: seconds, of the machines' clock
 */
export type Fact = 'secrets' | 'secrets.next' | 'accepted' | 'words' | 'ahead'

export async function edgeLab(): Promise<EdgeLab> {
  const lab = sshLab()
  const { folder } = lab
  const state = join(folder, 'state')
  for (const name of ['state', 'bin', 'scratch']) mkdirSync(join(folder, name))
  const address = addressesOf(0)(1, 1)
  const file = (fact: string) => join(state, fact)
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(folder, 'bin', name), `#!/bin/bash\ncd ${state}\n${text}`)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  writeFileSync(file('node'), edgeJson({ labels: {} }))
  writeFileSync(file('nodes'), nodeLines(edgeJson({ labels: {} })))
  writeFileSync(
    file('edgecore.yaml'),
    edgecoreYaml.replaceAll('192.168.24.1:', `${address}:`).replace(/ *nodeIP: .*\n/, ''),
  )

  const machine = await coveredMachine(join(folder, 'scratch'), ['/etc', '/var/lib'], join(folder, 'bin'))
  const { sshd } = machine
  writeFileSync(lab.knownHosts, `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`)
  const edge = nodeOn(sshd).replace(/ }$/, `, cloudcore: ${address} }`)
  lab.config(
    { master: nodeOn(sshd).replace('role: edge', 'role: control-plane'), 'edge-1': edge },
    `  get-token: { on: control-plane }
  send-token: { on: edge, needs: [get-token] }
  join-edge: { on: edge, needs: [send-token], timeout: 5m }
`,
    'kubeedge: { version: 1.23.1 }\n',
  )

  const servers = new Set<Server>()
  const closePorts = async () => {
    await Promise.all([...servers].map((server) => new Promise((resolve) => server.close(resolve))))
    servers.clear()
  }
  return {
    ...lab,
    // Both of its machines are one, and kedge would say so.
    kedge: (...words) => lab.kedge(...words, ...(words[0] === 'run' ? ['--no-doctor'] : [])),
    address,
    set: (fact, text) => (text === undefined ? rmSync(file(fact), { force: true }) : writeFileSync(file(fact), text)),
    count: (what) => (existsSync(file(what)) ? readFileSync(file(what), 'utf8').length : 0),
    onNode: machine.onNode,
    async openPorts(...ports) {
      for (const port of ports) {
        const server = createServer((socket) => socket.destroy())
        await new Promise<void>((resolve, reject) => {
          server.once('error', reject)
          server.listen(port, address, resolve)
        })
        servers.add(server)
      }
    },
    closePorts,
    async stop() {
      await closePorts()
      lab.remove()
      await machine.stop()
    },
  }
}

const programs: Readonly<Record<string, string>> = {
  date: `[ -e ahead ] && exec /usr/bin/date -d "$(cat ahead) seconds" "$@"; exec /usr/bin/date "$@"\n`,
  kubectl: `case " $* " in
  *" secret tokensecret casecret "*) cat secrets ;;
  *" delete secret tokensecret "*) ;;
  *" rollout restart deployment cloudcore "*) cp secrets.next secrets; printf r >> restarts ;;
  *" get node edge-1 "*) if [ -e joined ]; then cat node; fi ;;
  *" get nodes -o jsonpath="*) if [ -e joined ]; then cat nodes; fi ;;
  *" delete node edge-1 "*) rm -f joined ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
`,
  keadm: `case $1 in
reset) exit 1 ;;
join)
  printf j >> joins
  for word; do case $word in --token=*) token=\${word#--token=} ;; esac; done
  if [ -n "$(ls -A /etc/kubeedge 2>/dev/null)" ]; then echo "Error: the management directory /etc/kubeedge/ is not clean" >&2; exit 1; fi
  mkdir -p /etc/kubeedge/config
  cp edgecore.yaml /etc/kubeedge/config/
  if [ "$token" != "$(cat accepted)" ]; then
    cp words journal
    echo "Error: edge node join failed: timed out waiting for the condition" >&2
    exit 1
  fi
  mkdir -p /etc/kubeedge/ca /etc/kubeedge/certs
  for file in ca/rootCA.crt certs/server.crt certs/server.key; do echo it > /etc/kubeedge/$file; done
  touch joined ;;
esac
`,
  systemctl: `case "$1 $2" in
"is-active edgecore")
  if [ -e joined ]; then echo active
  elif [ -e /etc/kubeedge/config/edgecore.yaml ]; then echo activating; exit 3
  else echo inactive; exit 3; fi ;;
"show edgecore") printf 'LoadState=loaded\\nActiveState=activating\\nSubState=auto-restart\\nNRestarts=4\\n' ;;
esac
`,
  journalctl: 'cat journal\n',
}
