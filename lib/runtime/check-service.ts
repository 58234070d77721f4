import { type Check, doneIf, type TaskContext } from '../task/task.ts'

/** Whether a systemd unit runs; its state in systemd's word where it does not. */
export async function checkService({ $ }: TaskContext, unit: string): Promise<Check> {
  const state = (await $`systemctl is-active ${unit}`.nothrow()).stdout.trim()
  return doneIf(state === 'active', `${unit} is ${state || 'not a service'}`)
}
