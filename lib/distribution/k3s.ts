import { installPrograms, missingPrograms, type Program } from '../bundle/deliver.ts'
import { refused } from '../event/failure.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import { type Check, doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { type Attempt, begin, cameToItsEnd, clearHalfMade, finish, leave, marksOf } from './attempt.ts'
import { k3sCertificates } from './certificate-files.ts'
import { type AskNode, clusterOf, type NodeObject, nodeAlone, whyNotReady, whyUnanswered } from './cluster.ts'
import type { Distribution } from './distribution.ts'
import { agentConfig, configFile, serverConfig, tokenFile } from './k3s-config.ts'
import {
  keepCoreDns,
  refuseWithoutAnyCoreDns,
  refuseWithoutCoreDns,
  renewCoreDns,
  whyNoCoreDns,
} from './k3s-core-dns.ts'
import { checkNeighbours, foreignSign, refuseNeighbours } from './k3s-neighbours.ts'
import { checkActive, checkRunning, k3sUnit, restartWith, unitOf } from './k3s-service.ts'
import { checkKernel, setUpKernel } from './kubernetes-kernel.ts'
import { checkNetwork, installNetwork, removePodBridge } from './network.ts'
import { checkNodePackages, installNodePackages } from './node-packages.ts'

const k3sProgram = '/usr/local/bin/k3s'
const programs: readonly Program[] = [{ asset: 'k3s', path: k3sProgram }]
const kubeconfig = '/etc/rancher/k3s/k3s.yaml'
/** The program itself under another name, which it goes by: `k3s kubectl` works in the released program alone, this in any build. */
const kubectlLink = '/var/lib/kedge/bin/kubectl'
const kubectl = [kubectlLink, `--kubeconfig=${kubeconfig}`]
const folder = '/var/lib/rancher/k3s'
const tokenOfServer = `${folder}/server/node-token`

const attempt = { ...marksOf('k3s'), sign: foreignSign, leave: 'k3s-uninstall.sh or k3s-agent-uninstall.sh' }
const serverAttempt: Attempt = { ...attempt, proof: tokenOfServer, clear: clearServer }
const agentAttempt: Attempt = { ...attempt, proof: `${folder}/agent/client-kubelet.crt`, clear: clearAgent }

/** K3s as one service on each cloud node, with the lab's own runtime and pod network instead of those that it carries. */
export const k3s: Distribution = {
  kubeconfig,
  kubectl,
  certificates: (_topology, node) => k3sCertificates(node),
  kubeletUnit: ({ role }) => unitOf(role),

  checkInstalled(ctx) {
    return firstPending(
      () => checkNeighbours(ctx),
      () => checkNodePackages(ctx),
      async () => {
        const missing = await missingPrograms(ctx, programs)
        if (missing.length > 0) return pending('k3s is not as in the bundle')
        return doneIf((await ctx.$`test -x ${kubectlLink}`.nothrow()).exitCode === 0, `${kubectlLink} is missing`)
      },
      () => checkKernel(ctx),
      async () => {
        const { path, content } = k3sUnit(ctx.node.role, runtimeOf(ctx))
        return doneIf((await ctx.host.read(path)) === content, `${path} is not what kedge writes`)
      },
    )
  },

  async install(ctx) {
    await refuseNeighbours(ctx)
    if (ctx.node.role === 'control-plane') refuseWithoutAnyCoreDns(ctx)
    await installNodePackages(ctx)
    await installPrograms(ctx, programs)
    await ctx.$`mkdir -p "$(dirname ${kubectlLink})" && ln -sfn ${k3sProgram} ${kubectlLink}`
    await setUpKernel(ctx)
    const { path, content } = k3sUnit(ctx.node.role, runtimeOf(ctx))
    await ctx.host.write(path, content)
    await ctx.$`systemctl daemon-reload`
  },

  checkCluster(ctx, ask) {
    return firstPending(
      () => checkRunning(ctx, serverConfig(ctx.topology, ctx.node, runtimeOf(ctx))),
      () => checkRegistered(ctx, ask),
      async () => doneIf(await cameToItsEnd(ctx, serverAttempt), "K3s' first start did not come to its end"),
    )
  },

  async initCluster(ctx) {
    const config = serverConfig(ctx.topology, ctx.node, runtimeOf(ctx))
    if (await cameToItsEnd(ctx, serverAttempt)) {
      await refuseOtherRanges(ctx, config)
    } else {
      await clearHalfMade(ctx, serverAttempt)
      await begin(ctx, serverAttempt)
    }
    await renewCoreDns(ctx)
    await restartWith(ctx, config)
    await untilDone(ctx, () =>
      firstPending(
        () => checkActive(ctx),
        () => checkRegistered(ctx, nodeAlone(ctx)),
      ),
    )
    await finish(ctx, serverAttempt)
  },

  checkNetwork(ctx) {
    return firstPending(
      async () => {
        const why = await whyNoCoreDns(ctx)
        return doneIf(!why, why ?? '')
      },
      () => checkNetwork(ctx),
    )
  },

  async installNetwork(ctx) {
    await refuseWithoutCoreDns(ctx)
    await keepCoreDns(ctx)
    await installNetwork(ctx)
  },

  checkWorker(ctx, ask) {
    return firstPending(
      () => checkRunning(ctx, agentConfig(ctx.topology, ctx.node, runtimeOf(ctx))),
      () => checkReady(ctx, ask),
      async () => doneIf(await cameToItsEnd(ctx, agentAttempt), "K3s' first start did not come to its end"),
    )
  },

  async joinWorker(ctx) {
    if (!(await cameToItsEnd(ctx, agentAttempt))) {
      await clearHalfMade(ctx, agentAttempt)
      await begin(ctx, agentAttempt)
      await forgetPassword(ctx)
    }
    await ctx.host.write(tokenFile, await joinToken(ctx), { mode: 0o600 })
    await restartWith(ctx, agentConfig(ctx.topology, ctx.node, runtimeOf(ctx)))
    await untilDone(ctx, () =>
      firstPending(
        () => checkActive(ctx),
        () => checkReady(ctx, nodeAlone(ctx)),
      ),
    )
    await finish(ctx, agentAttempt)
  },

  leaveAsWorker: (ctx) => leave(ctx, { ...agentAttempt, clear: leaveAgent }),

  async kubeletCgroupDriver({ host }) {
    return /\bcgroup-driver=(\w+)/.exec((await host.read(configFile)) ?? '')?.[1]
  },
}

/** The API server answers, and knows this node in the version that the file asks for. */
async function checkRegistered(ctx: TaskContext, ask: AskNode): Promise<Check> {
  try {
    const node = await ask()
    return node ? checkVersion(ctx, node) : pending(`node ${ctx.node.name} is not in the cluster`)
  } catch (error) {
    return pending(whyUnanswered(ctx, error))
  }
}

async function checkReady(ctx: TaskContext, ask: AskNode): Promise<Check> {
  const node = await ask()
  const why = whyNotReady(node, ctx.node.name)
  return why || !node ? pending(why ?? '') : checkVersion(ctx, node)
}

/** A K3s that was replaced by another version runs on in the old one until it is restarted. */
function checkVersion({ node, topology }: TaskContext, { status }: NodeObject): Check {
  const runs = status?.nodeInfo?.kubeletVersion
  const wanted = `v${topology.kubernetes.version}`
  return doneIf(runs === wanted, `${node.name} runs K3s ${runs ?? 'of no known version'}, not ${wanted}`)
}

/** K3s keeps the ranges that it began with, whatever it is told later, and nodes and Services would end up in different ones. */
async function refuseOtherRanges(ctx: TaskContext, config: string): Promise<void> {
  const ranges = (text: string) =>
    ['cluster-cidr', 'service-cidr'].map((key) => new RegExp(`"${key}": "(.*)"`).exec(text)?.[1] ?? '')
  const found = ranges((await ctx.host.read(configFile)) ?? config)
  const wanted = ranges(config)
  if (found.join() === wanted.join()) return
  throw refused(
    `the cluster was made with podCidr ${found[0]} and serviceCidr ${found[1]}, the file says ${wanted.join(' and ')}`,
    'set them back, or take the cluster down and build it again: kedge destroy && kedge run all',
  )
}

/** Certificates that were being written when the power went may be empty, and K3s trips over them forever. */
async function clearServer(ctx: TaskContext): Promise<void> {
  const unit = unitOf(ctx.node.role)
  if ((await ctx.$`systemctl is-active ${unit}`.nothrow()).stdout.trim() === 'active') return
  ctx.say("an earlier attempt was cut off: K3s' data is made anew")
  await ctx.$`systemctl stop ${unit} && rm -rf ${folder}/server ${folder}/agent ${kubeconfig} /etc/rancher/node/password`
}

async function clearAgent(ctx: TaskContext): Promise<void> {
  await ctx.$`systemctl stop ${unitOf(ctx.node.role)} && rm -rf ${folder}/agent`
}

/** Without its file of flags the unit does not start again. */
async function leaveAgent(ctx: TaskContext): Promise<void> {
  await ctx.$`systemctl disable --now ${unitOf(ctx.node.role)} && rm -rf ${folder}/agent ${configFile} ${tokenFile}`
  await removePodBridge(ctx)
}

/** The cluster keeps a password that each node made up; a machine that was made anew would be refused under its old name. */
async function forgetPassword(ctx: TaskContext): Promise<void> {
  const secret = `${ctx.node.name}.node-password.k3s`
  await clusterOf(ctx).run('-n', 'kube-system', 'delete', 'secret', secret, '--ignore-not-found')
}

/** The server's own, read for each join, so that a cluster that was made anew is joined with the new one. */
async function joinToken(ctx: TaskContext) {
  const { stdout } = await clusterOf(ctx).host.$({ quiet: true })`cat ${tokenOfServer}`
  if (stdout.trim() === '') throw refused(`the K3s server has no token: ${tokenOfServer} is empty`)
  return ctx.secret(stdout)
}
