import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import type { Shell } from 'zx'
import { $ } from './shell.ts'

const path = (name: string) => `/run/netns/${name}`

/** A network of the lab's own: the machine's addresses, bridges and firewall stay as they are, and nothing leaves it. */
export async function createNamespace(name: string): Promise<void> {
  if (!existsSync(path(name))) await $`ip netns add ${name}`
  await $({ input: 'ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward' })`${inside(name, ['sh'])}`
}

/** Ends whatever still runs inside, then removes it. Meets anything, also nothing. */
export async function removeNamespace(name: string): Promise<void> {
  if (!existsSync(path(name))) return
  await endProcesses(() => processesIn(name))
  await $`ip netns delete ${name}`
}

/** `command` as it has to be called to run inside the namespace, with the rest of the machine as it is. */
export const inside = (name: string, command: readonly string[]): string[] => [
  'nsenter',
  `--net=${path(name)}`,
  '--',
  ...command,
]

/** zx's `$` for commands inside the namespace. */
export function shellInside(name: string): Shell {
  const enter = (command: string, options: Parameters<typeof spawn>[2]) => {
    const [program = '', ...rest] = inside(name, ['/bin/bash', '-c', command])
    return spawn(program, rest, { ...options, shell: false })
  }
  return $({ spawn: enter as unknown as typeof spawn })
}

/** Ids of all processes that live in the namespace; empty when there is none. */
export async function processesIn(name: string): Promise<number[]> {
  if (!existsSync(path(name))) return []
  return (await $`ip netns pids ${name}`.nothrow()).lines().map(Number)
}

/** Asks nicely, then does not; `remaining` says who is left. Never this process, nor who called it. */
export async function endProcesses(remaining: () => Promise<number[]>): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const left = (await remaining()).filter((pid) => pid !== process.pid && pid !== process.ppid && !isZombie(pid))
    if (left.length === 0) return
    if (round === 0 || round === 50) await $`kill -s ${round === 0 ? 'TERM' : 'KILL'} ${left}`.nothrow()
    await Bun.sleep(100)
  }
  throw new Error(`processes do not end: ${(await remaining()).join(', ')}`)
}

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
