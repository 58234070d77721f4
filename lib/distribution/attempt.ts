import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'

/**
 * kedge's attempt to make this node part of its cluster, as two marks on the node. The first is written before anything
 * is changed, so that leftovers beside it are kedge's own and may go; the second after success: from then on nothing is
 * ever reset. Once a human took the cluster away the second one is stale, so it counts only beside `proof`.
 */
export type Attempt = {
  readonly begun: string
  readonly done: string
  /** A file that the distribution makes and its removal takes away. */
  readonly proof: string
  /** Its presence without the first mark means a cluster that somebody else made. */
  readonly sign: string
  /** Takes away what an attempt of kedge's own left behind. */
  clear(ctx: TaskContext): Promise<void>
  /** How a human takes the node out of a cluster. */
  readonly leave: string
}

/** The marks' paths, named for the distribution. */
export const marksOf = (name: string): Pick<Attempt, 'begun' | 'done'> => ({
  begun: `/var/lib/kedge/${name}-begun`,
  done: `/var/lib/kedge/${name}-done`,
})

export async function cameToItsEnd({ $ }: TaskContext, { done, proof }: Attempt): Promise<boolean> {
  return (await $`test -e ${done} && test -s ${proof}`.nothrow()).exitCode === 0
}

/** What an attempt of kedge's own left behind goes; a cluster that somebody else made is refused, never reset. */
export async function clearHalfMade(ctx: TaskContext, { begun, done, sign, clear, leave }: Attempt): Promise<void> {
  const { $, node } = ctx
  if (!(await isThere(ctx, begun))) {
    if (!(await isThere(ctx, sign))) return
    throw refused(
      `${node.name} is part of a Kubernetes cluster that kedge did not make (${sign})`,
      `take it out of that cluster first (${leave} on ${node.name}), or take the node out of the file`,
    )
  }
  // Gone first: beside what the next attempt makes, a stale mark would count again.
  await $`rm -f ${done}`
  await clear(ctx)
}

/** Takes the node out of the cluster that kedge made it part of, for good; whatever somebody else made stays. */
export async function leave(ctx: TaskContext, { begun, done, clear }: Attempt): Promise<void> {
  if (!(await isThere(ctx, begun))) return
  // The first mark goes last: whoever is cut off in the middle can do it again.
  await ctx.$`rm -f ${done}`
  await clear(ctx)
  await ctx.$`rm -f ${begun}`
}

export const begin = (ctx: TaskContext, { begun }: Attempt): Promise<void> => ctx.host.write(begun, '')

export const finish = (ctx: TaskContext, { done }: Attempt): Promise<void> => ctx.host.write(done, '')

const isThere = async ({ $ }: TaskContext, path: string) => (await $`test -e ${path}`.nothrow()).exitCode === 0
