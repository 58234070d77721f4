import { TaskError } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'

/**
 * The one pause image that this lab uses. kubeadm's list, containerd's default and CRI-O's default differ, and a sandbox
 * whose image must be pulled fails after 20 s with nothing but "DeadlineExceeded": so the runtime is told the bundle's.
 */
export function sandboxImage(ctx: TaskContext): string {
  const names = ctx.assets('image').map((asset) => asset.name)
  const pause = names.find((name) => /\/pause[:@]/.test(name))
  if (pause) return pause
  throw new TaskError({
    kind: 'bundle',
    message: 'the bundle has no pause image',
    cure: 'add the pause image that `kubeadm config images list` names',
  })
}
