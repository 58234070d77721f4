import { TaskError } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import { toFailure } from '../host/to-failure.ts'
import type { TaskContext } from '../task/task.ts'
import { readDefined, type Virsh } from './libvirt.ts'

/** The VM to wait for: libvirt's name for it, and where its serial port is logged on the hypervisor. */
export type Started = { readonly virsh: Virsh; readonly domain: string; readonly console: string }

const secondsBetweenTries = 1
const triesBetweenLooks = 5
const secondsBetweenReports = 15

/**
 * Waits until SSH answers, then until cloud-init has done its part. How long that may take is the task's own timeout; a VM
 * that stopped or whose kernel panicked ends the wait at once, with the last lines of its console.
 */
export async function waitForSsh(ctx: TaskContext, started: Started): Promise<void> {
  const since = performance.now()
  const seconds = () => Math.round((performance.now() - since) / 1000)
  let reportedAt = 0
  let tries = 0
  const answers = async (): Promise<boolean> => typeof (await unlessUnreachable(() => ctx.host.$`true`)) !== 'string'
  while (!(await answers())) {
    if (tries++ % triesBetweenLooks === 0) await refuseDead(ctx.hypervisor, started)
    if (seconds() - reportedAt >= secondsBetweenReports) {
      reportedAt = seconds()
      const lastLine = (await consoleLines(ctx.hypervisor, started.console)).at(-1) ?? 'nothing on its console yet'
      ctx.say(`waiting for SSH, ${reportedAt} s: ${lastLine}`)
    }
    await ctx.sleep(secondsBetweenTries)
  }
  ctx.say(`SSH answers after ${seconds()} s`)
  await waitForCloudInit(ctx)
  ctx.say(`ready after ${seconds()} s`)
}

/** What the question brings, or in words why the host cannot be reached; whatever no waiting cures is thrown. */
export async function unlessUnreachable<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask()
  } catch (error) {
    const { kind, message } = toFailure(error)
    if (kind === 'unreachable') return message
    throw error
  }
}

async function refuseDead(hypervisor: Host, { virsh, domain, console }: Started): Promise<void> {
  const state = (await readDefined(virsh, 'domain', domain))?.state ?? 'gone'
  const lines = await consoleLines(hypervisor, console)
  const panic = lines.find((line) =>
    /Kernel panic - not syncing|No bootable device|Boot failed: not a bootable disk/.test(line),
  )
  if (state === 'running' && !panic) return
  if (state === 'paused') await refuseStalled(virsh, domain)
  throw new TaskError({
    kind: 'command',
    message: panic ? `${domain} cannot boot: ${panic.trim()}` : `${domain} is ${state} instead of starting`,
    lastLines: lines,
    ...(panic?.includes('oot') ? { cause: 'the image does not boot from its disk by BIOS' } : {}),
  })
}

/** A VM whose disk cannot be written any more is stopped by the hypervisor, and goes on where it was once that is cured. */
async function refuseStalled(virsh: Virsh, domain: string): Promise<void> {
  const { stdout } = await virsh.try(['domblkerror', domain])
  const error = stdout.trim().split('\n')[0] ?? ''
  if (!/: (no space|I\/O error|unspecified error)/.test(error)) return
  const isFull = error.includes('no space')
  throw new TaskError({
    kind: 'command',
    message: `${domain} is paused: its disk ${error}`,
    ...(isFull ? { cause: 'the disk of the hypervisor that holds the VMs is full' } : {}),
    cure: isFull ? 'see with df -h on the hypervisor, make room there, then run again' : 'see dmesg on the hypervisor',
  })
}

const escapeCharacter = String.fromCharCode(27)
const controlSequence = new RegExp(`${escapeCharacter}(?:\\[[0-9;?]*[A-Za-z]|[()].|c)`, 'g')

/** The last lines of the console, without the control sequences that boot loaders love. */
async function consoleLines(hypervisor: Host, path: string): Promise<readonly string[]> {
  const { stdout } = await hypervisor.$`tail -c 4000 ${path}`.nothrow().quiet()
  return stdout
    .replace(controlSequence, '')
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '')
    .slice(-20)
}

/**
 * cloud-init writes its result when its last stage ends. Asking `cloud-init status --wait` instead would start Python every
 * quarter of a second on a machine that is still booting.
 */
async function waitForCloudInit({ host, say }: TaskContext): Promise<void> {
  const { stdout } = await host.$`
    command -v cloud-init > /dev/null || exit 0
    until [ -s /run/cloud-init/result.json ] || [ -e /run/cloud-init/disabled ]; do
      if systemctl is-failed --quiet cloud-init-local.service cloud-init.service cloud-config.service cloud-final.service; then
        echo 'a cloud-init service has failed'; break
      fi
      sleep 1
    done
    # What is in memory alone goes with the power, and without its host key the VM would answer nobody again.
    sync
    cat /run/cloud-init/result.json || true`.quiet()
  const errors = cloudInitErrors(stdout)
  if (errors.length === 0) return
  const log = await host.$`tail -n 20 /var/log/cloud-init-output.log`.nothrow().quiet()
  say(`cloud-init: ${errors.join('; ')}`)
  throw new TaskError({
    kind: 'command',
    message: `cloud-init failed: ${errors[0]}`,
    command: 'cloud-init status --wait',
    exitCode: 1,
    lastLines: log.stdout.trimEnd().split('\n'),
  })
}

/** From result.json, `{ "v1": { "errors": […] } }`; recoverable errors are not among them. */
function cloudInitErrors(output: string): readonly string[] {
  if (output.trim() === '') return []
  const start = output.indexOf('{')
  if (start < 0) return [output.trim()]
  const result = JSON.parse(output.slice(start)) as { readonly v1?: { readonly errors?: readonly string[] } }
  const failed = output.slice(0, start).trim()
  return [...(failed ? [failed] : []), ...(result.v1?.errors ?? [])]
}
