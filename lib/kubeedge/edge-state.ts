import { basename } from 'node:path'
import { clusterOf, type NodeObject, whyNotReady } from '../distribution/cluster.ts'
import { missingLabels } from '../distribution/node-labels.ts'
import { linesOf } from '../host/lines-of.ts'
import { type Check, doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { checkEdgeConfig } from './edge-config.ts'
import { cniFile, edgeNetwork } from './edge-network.ts'
import { lifeOf } from './expiry.ts'
import { keadmTokenFile, tokenFile } from './join.ts'

/** The edge's own certificate, which CloudCore signed. */
export const certificateFile = '/etc/kubeedge/certs/server.crt'

/** What stands between this edge and a finished join: seen from the cluster and from the edge itself. */
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
  readonly node: NodeObject | undefined
}

export async function edgeState(ctx: TaskContext): Promise<EdgeState> {
  const { $, node } = ctx
  const service = (await $`systemctl is-active edgecore`.nothrow()).stdout.trim()
  const certificates = await $({
    quiet: true,
  })`test -s /etc/kubeedge/ca/rootCA.crt && test -s /etc/kubeedge/certs/server.key && test -s ${certificateFile} && cat ${certificateFile}`.nothrow()
  const until = lifeOf(certificates.stdout)?.until
  const isOver = until !== undefined && until.getTime() <= Date.now()
  const { stdout } = await $`ls -A /etc/kubeedge 2>/dev/null; ls ${tokenFile} 2>/dev/null`.nothrow()
  const found = linesOf({ stdout })
  return {
    service: service === 'active' ? 'active' : 'inactive',
    hasCertificates: certificates.exitCode === 0 && !isOver,
    ...(isOver ? { endedAt: until } : {}),
    hasLeftovers: found.some((name) => name !== tokenFile),
    hasToken: found.includes(tokenFile) || found.includes(basename(keadmTokenFile)),
    node: await clusterOf(ctx).get<NodeObject>('node', node.name),
  }
}

/** Joined means: edgecore runs here, and the cluster has the node Ready, in this KubeEdge version, with its labels. */
export async function checkEdge(ctx: TaskContext): Promise<Check> {
  const { node, topology } = ctx
  const state = await edgeState(ctx)
  return firstPending(
    () => doneIf(!state.endedAt, `the edge's certificate ended at ${state.endedAt?.toISOString()}: it must join again`),
    () => doneIf(state.service === 'active', state.hasLeftovers ? 'edgecore is not running' : 'not joined'),
    () => doneIf(state.hasCertificates, 'edgecore has no certificates yet'),
    () => {
      const why = whyNotReady(state.node, node.name)
      return why ? pending(why) : { done: true }
    },
    () => {
      const version = state.node?.status?.nodeInfo?.kubeletVersion ?? 'none'
      const wanted = `-kubeedge-v${topology.kubeedge.version}`
      return doneIf(version.endsWith(wanted), `node ${node.name} reports version ${version}, not …${wanted}`)
    },
    () => checkEdgeConfig(ctx),
    async () => {
      const podCidr = state.node?.spec?.podCIDR
      const found = await ctx.host.read(cniFile)
      return doneIf(podCidr !== undefined && found === edgeNetwork(podCidr), `${cniFile} is not what kedge writes`)
    },
    () => {
      const missing = missingLabels(state.node, node.labels)
      return doneIf(missing.length === 0, `node ${node.name} lacks the labels ${missing.join(', ')}`)
    },
    () => doneIf(!state.hasToken, 'the token that it joined with is still there'),
  )
}
