import { linesOf } from '../host/lines-of.ts'
import { mask } from '../host/secret.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { type Check, doneIf, pending, type TaskContext } from '../task/task.ts'
import type { Role } from '../topology/topology.ts'
import { configFile } from './k3s-config.ts'

/** The systemd unit of a node's K3s; a server runs an agent within itself. */
export const unitOf = (role: Role): 'k3s' | 'k3s-agent' => (role === 'control-plane' ? 'k3s' : 'k3s-agent')

/**
 * The unit, which says that it is up only once the node is in the cluster. Stopping it leaves pods alone (`process`), and
 * nothing but kedge enables it: without its file of flags K3s would start as another cluster.
 */
export function k3sUnit(
  role: Role,
  { service }: Pick<Runtime, 'service'>,
): { readonly path: string; readonly content: string } {
  return {
    path: `/etc/systemd/system/${unitOf(role)}.service`,
    content: `[Unit]
Description=K3s ${role === 'control-plane' ? 'server' : 'agent'}
Wants=network-online.target ${service}.service
After=network-online.target ${service}.service
ConditionPathExists=${configFile}

[Service]
Type=notify
ExecStart=/usr/local/bin/k3s ${role === 'control-plane' ? 'server' : 'agent'}
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target
`,
  }
}

/** Runs with exactly this file of flags: when that is so, the service has been started after the file was put in place. */
export async function checkRunning(ctx: TaskContext, config: string): Promise<Check> {
  const found = await ctx.host.read(configFile)
  if (found === undefined) return pending(`K3s is not set up: ${configFile} is missing`)
  if (found !== config) return pending(`${configFile} is not what kedge writes`)
  return checkActive(ctx)
}

/** While a start takes its time or comes to nothing, K3s' last complaint says why. */
export async function checkActive({ $, node }: TaskContext): Promise<Check> {
  const unit = unitOf(node.role)
  const answer = await $({ quiet: true })`systemctl is-active ${unit} || true
journalctl --unit ${unit} --lines 50 --output cat --no-pager 2>/dev/null | grep -E 'level=(error|fatal)' | tail -n 1 || true`
  const [state = '', complaint] = linesOf(answer)
  const why = `${unit} is ${state || 'not a service'}`
  return doneIf(state === 'active', complaint ? `${why}: ${mask(messageOf(complaint))}` : why)
}

/** `time="…" level=fatal msg="…"`: the message. */
const messageOf = (line: string): string => {
  const quoted = /msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1]
  try {
    return quoted ? (JSON.parse(quoted) as string) : line
  } catch {
    return line
  }
}

/** Stop, rename, start: should this be cut off, a K3s that runs has read the file that is there. Does not wait until it is up. */
export async function restartWith(ctx: TaskContext, config: string): Promise<void> {
  const unit = unitOf(ctx.node.role)
  const aside = `${configFile}.kedge`
  await ctx.host.write(aside, config, { mode: 0o600 })
  await ctx.$`systemctl stop ${unit} && mv -f ${aside} ${configFile} && systemctl enable ${unit} && systemctl start --no-block ${unit}`
}
