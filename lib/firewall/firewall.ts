import type { Port } from '../kubeedge/ports.ts'
import type { TaskContext } from '../task/task.ts'
import { firewalld } from './firewalld.ts'
import { ufw } from './ufw.ts'

/** A program that decides on a node what may come in. */
export type Firewall = {
  readonly name: string
  isActive(ctx: TaskContext): Promise<boolean>
  /** Those of the ports that it keeps closed, now or after a reboot. */
  closed(ctx: TaskContext, ports: readonly Port[]): Promise<readonly Port[]>
  /** All ports that must be open, those that are so already included. */
  open(ctx: TaskContext, ports: readonly Port[]): Promise<void>
}

const firewalls: readonly Firewall[] = [ufw, firewalld]

/** The firewalls at work on the node; none means that nothing is closed. */
export async function activeFirewalls(ctx: TaskContext): Promise<readonly Firewall[]> {
  const active: Firewall[] = []
  for (const firewall of firewalls) if (await firewall.isActive(ctx)) active.push(firewall)
  return active
}
