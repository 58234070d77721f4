import { createHash } from 'node:crypto'
import { clusterOf } from '../distribution/cluster.ts'
import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { namespace } from './cloudcore.ts'
import { tokenFile } from './join.ts'
import { whyUnusable } from './token.ts'

type Secret = { readonly metadata: { readonly name: string }; readonly data?: Readonly<Record<string, string>> }

/** The token that the cluster holds now, and what is wrong with it if anything is. The token is a secret from here on. */
export async function currentToken(ctx: TaskContext): Promise<{ readonly token: string; readonly why?: string }> {
  const asked = ['-n', namespace, 'secret', 'tokensecret', 'casecret']
  const secrets = (await clusterOf(ctx).get<{ readonly items: readonly Secret[] }>(...asked))?.items ?? []
  const field = (secret: string, key: string) =>
    Buffer.from(secrets.find(({ metadata }) => metadata.name === secret)?.data?.[key] ?? '', 'base64')
  const token = field('tokensecret', 'tokendata').toString('utf8').trim()
  if (token !== '') ctx.secret(token)
  const caHash = createHash('sha256').update(field('casecret', 'cadata')).digest('hex')
  const why = whyUnusable(token, caHash, new Date())
  return { token, ...(why ? { why } : {}) }
}

/**
 * Puts the token of now where the join on this edge reads it. With one that cannot be used keadm would wait for five minutes and
 * then say that it waited.
 */
export async function sendToken(ctx: TaskContext): Promise<void> {
  const { token, why } = await currentToken(ctx)
  if (why) throw refused(`${ctx.node.name} cannot join: ${why}`, `kedge run get-token join-edge --on ${ctx.node.name}`)
  if ((await ctx.host.read(tokenFile))?.trim() === token) return
  await ctx.host.write(tokenFile, ctx.secret(token), { mode: 0o600 })
}
