import { basename } from 'node:path'
import { type AskNode, type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { missingLabels } from '../distribution/node-labels.ts'
import { linesOf } from '../host/lines-of.ts'
import { type Check, done, doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { checkEdgeConfig } from './edge-config.ts'
import { cniFile, edgeNetwork } from './edge-network.ts'
import { lifeOf } from './expiry.ts'
import { keadmTokenFile, tokenFile } from './join.ts'

/** The edge's own certificate, which CloudCore signed. */
export const certificateFile = '/etc/kubeedge/certs/server.crt'

/** What stands between this edge and a finished join, as far as it is seen on the edge itself. */
export type EdgeState = {
  readonly service: 'active' | 'inactive'
  /** The three files that a successful join leaves, with a certificate that has not ended. */
  readonly hasCertificates: boolean
  /** When the edge's certificate ended, where it has. CloudCore renews none that is over. */
  readonly endedAt?: Date
  /** Anything at all in /etc/kubeedge: keadm join refuses then. */
  readonly hasLeftovers: boolean
  /** A token of a join, kedge's file or keadm's: one that was killed leaves it. */
  readonly hasToken: boolean
}

export async function edgeState({ $ }: TaskContext): Promise<EdgeState> {
  const { stdout } = await $({ quiet: true })`echo "service $(systemctl is-active edgecore)"
ls -A /etc/kubeedge 2>/dev/null || true
ls ${tokenFile} 2>/dev/null || true
if [ -s /etc/kubeedge/ca/rootCA.crt ] && [ -s /etc/kubeedge/certs/server.key ] && [ -s ${certificateFile} ]; then
  echo ${certificateFile}
  cat ${certificateFile}
fi`
  const [service, ...lines] = linesOf({ stdout })
  const at = lines.indexOf(certificateFile)
  const hasFiles = at >= 0
  const found = hasFiles ? lines.slice(0, at) : lines
  const until = lifeOf(hasFiles ? lines.slice(at + 1).join('\n') : '')?.until
  const isOver = until !== undefined && until.getTime() <= Date.now()
  return {
    service: service === 'service active' ? 'active' : 'inactive',
    hasCertificates: hasFiles && !isOver,
    ...(isOver ? { endedAt: until } : {}),
    hasLeftovers: found.some((name) => name !== tokenFile),
    hasToken: found.includes(tokenFile) || found.includes(basename(keadmTokenFile)),
  }
}

/** Joined means: edgecore runs here, and the cluster has the node Ready, in this KubeEdge version, with its labels. */
export async function checkEdge(ctx: TaskContext, ask: AskNode): Promise<Check> {
  const state = await edgeState(ctx)
  return firstPending(
    () => doneIf(!state.endedAt, `the edge's certificate ended at ${state.endedAt?.toISOString()}: it must join again`),
    () => doneIf(state.service === 'active', state.hasLeftovers ? 'edgecore is not running' : 'not joined'),
    () => doneIf(state.hasCertificates, 'edgecore has no certificates yet'),
    async () => checkNode(ctx, await ask()),
    () => doneIf(!state.hasToken, 'the token that it joined with is still there'),
  )
}

function checkNode(ctx: TaskContext, object: NodeObject | undefined): Promise<Check> {
  const { node, topology } = ctx
  return firstPending(
    () => {
      const why = whyNotReady(object, node.name)
      return why ? pending(why) : done
    },
    () => {
      const version = object?.status?.nodeInfo?.kubeletVersion ?? 'none'
      const wanted = `-kubeedge-v${topology.kubeedge.version}`
      return doneIf(version.endsWith(wanted), `node ${node.name} reports version ${version}, not …${wanted}`)
    },
    () => checkEdgeConfig(ctx),
    async () => {
      const podCidr = object?.spec?.podCIDR
      const found = await ctx.host.read(cniFile)
      return doneIf(podCidr !== undefined && found === edgeNetwork(podCidr), `${cniFile} is not what kedge writes`)
    },
    () => {
      const missing = missingLabels(object, node.labels)
      return doneIf(missing.length === 0, `node ${node.name} lacks the labels ${missing.join(', ')}`)
    },
  )
}
