import { installPrograms, missingPrograms, type Program } from '../bundle/deliver.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import { otherFiles } from '../task/other-files.ts'
import { withJournalOf } from '../task/reason.ts'
import { doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { type Attempt, begin, cameToItsEnd, clearHalfMade, finish, leave, marksOf } from './attempt.ts'
import { kubeadmCertificates } from './certificate-files.ts'
import { clusterOf, isReportedFromHere, nodeAlone, whyUnanswered } from './cluster.ts'
import type { Distribution } from './distribution.ts'
import { initConfig, joinConfig } from './kubeadm-config.ts'
import { kubeletUnits } from './kubelet-units.ts'
import { checkKernel, setUpKernel } from './kubernetes-kernel.ts'
import { checkNetwork, checkReady, installNetwork, removePodBridge, untilReady } from './network.ts'
import { checkNodePackages, installNodePackages } from './node-packages.ts'

const programs: readonly Program[] = ['kubeadm', 'kubelet', 'kubectl', 'crictl'].map((name) => ({
  asset: name,
  path: `/usr/local/bin/${name}`,
}))
const kubeconfig = '/etc/kubernetes/admin.conf'
const initFile = '/var/lib/kedge/kubeadm-init.json'
const joinFile = '/var/lib/kedge/secrets/kubeadm-join.json'

const attempt = {
  ...marksOf('kubeadm'),
  clear: (ctx: TaskContext) => reset(ctx, 'an earlier attempt was cut off'),
  leave: 'kubeadm reset',
}
const initAttempt: Attempt = {
  ...attempt,
  proof: kubeconfig,
  sign: '/etc/kubernetes/manifests/kube-apiserver.yaml',
}
const joinAttempt: Attempt = { ...attempt, proof: '/etc/kubernetes/kubelet.conf', sign: '/etc/kubernetes/kubelet.conf' }

export const kubeadm: Distribution = {
  kubeconfig,
  kubectl: ['kubectl', `--kubeconfig=${kubeconfig}`],
  certificates: kubeadmCertificates,
  kubeletUnit: () => 'kubelet',

  checkInstalled(ctx) {
    return firstPending(
      () => checkNodePackages(ctx),
      async () => {
        const missing = await missingPrograms(ctx, programs)
        return doneIf(missing.length === 0, `${missing.map(({ asset }) => asset).join(', ')} not as in the bundle`)
      },
      () => checkKernel(ctx),
      async () => {
        const units = kubeletUnits(runtimeOf(ctx)).map(({ path, content }) => [path, content])
        const [other] = await otherFiles(ctx, Object.fromEntries(units))
        if (other) return pending(`${other} is not what kedge writes`)
        const enabled = (await ctx.$`systemctl is-enabled kubelet`.nothrow()).stdout.trim()
        return doneIf(enabled === 'enabled', `kubelet is ${enabled || 'not a service'}`)
      },
    )
  },

  async install(ctx) {
    await installNodePackages(ctx)
    await installPrograms(ctx, programs)
    await setUpKernel(ctx)
    for (const { path, content } of kubeletUnits(runtimeOf(ctx))) await ctx.host.write(path, content)
    await ctx.$`systemctl daemon-reload && systemctl enable kubelet`
  },

  async checkCluster(ctx, ask) {
    if ((await ctx.$`test -s ${kubeconfig}`.nothrow()).exitCode !== 0) return pending('there is no control plane')
    try {
      await ask()
    } catch (error) {
      return pending(whyUnanswered(ctx, error))
    }
    return doneIf(await cameToItsEnd(ctx, initAttempt), 'kubeadm init did not come to its end')
  },

  async initCluster(ctx) {
    const { $, host } = ctx
    if (await cameToItsEnd(ctx, initAttempt)) return restartKubelet(ctx)
    await clearHalfMade(ctx, initAttempt)
    await host.write(initFile, initConfig(ctx.topology, ctx.node, runtimeOf(ctx).endpoint), { mode: 0o600 })
    await begin(ctx, initAttempt)
    await withJournalOf(ctx, 'kubelet', () => $`kubeadm init --config ${initFile} --skip-token-print`)
    await finish(ctx, initAttempt)
  },

  checkNetwork,
  installNetwork,

  checkWorker(ctx, ask) {
    return firstPending(
      () => checkReady(ctx, ask),
      async () => doneIf(await cameToItsEnd(ctx, joinAttempt), 'kubeadm join did not come to its end'),
    )
  },

  async joinWorker(ctx) {
    const { $, host } = ctx
    if (await cameToItsEnd(ctx, joinAttempt)) {
      await restartKubelet(ctx)
      return untilReady(ctx)
    }
    await clearHalfMade(ctx, joinAttempt)
    await forgetNode(ctx)
    const discovery = await newDiscovery(ctx)
    const secretConfig = ctx.secret(joinConfig(ctx.topology, ctx.node, runtimeOf(ctx).endpoint, discovery))
    await begin(ctx, joinAttempt)
    await host.write(joinFile, secretConfig, { mode: 0o600 })
    try {
      await withJournalOf(ctx, 'kubelet', () => $`kubeadm join --config ${joinFile}`)
    } finally {
      await $`rm -f ${joinFile}`
    }
    await finish(ctx, joinAttempt)
    await untilReady(ctx)
  },

  leaveAsWorker: (ctx) => leave(ctx, { ...joinAttempt, clear: (ctx) => reset(ctx, 'leaving the cluster') }),

  async kubeletCgroupDriver({ host }) {
    return /^cgroupDriver:\s*(\w+)/m.exec((await host.read('/var/lib/kubelet/config.yaml')) ?? '')?.[1]
  },
}

/** Also where there is no API server yet: kubeadm's pre-flight refuses what an earlier phase left (a CA file, a kubelet on its port). */
async function reset(ctx: TaskContext, why: string): Promise<void> {
  ctx.say(`${why}: kubeadm reset`)
  // With two runtimes on the node kubeadm would ask which one is meant.
  await ctx.$`kubeadm reset --force --cri-socket ${runtimeOf(ctx).endpoint}`
  await ctx.$`rm -rf /etc/cni/net.d/*flannel* /var/lib/etcd/member`
  await removePodBridge(ctx)
}

async function restartKubelet(ctx: TaskContext): Promise<void> {
  await ctx.$`systemctl restart kubelet`
  if (ctx.node.role === 'control-plane') await untilDone(ctx, () => kubeadm.checkCluster(ctx, nodeAlone(ctx)))
}

/** What a join that was cut off has registered stays Ready for a while, and kubeadm refuses the name of such a node. */
async function forgetNode(ctx: TaskContext): Promise<void> {
  const node = await nodeAlone(ctx)()
  if (node && (await isReportedFromHere(ctx, node))) await clusterOf(ctx).run('delete', 'node', ctx.node.name)
}

/** A bootstrap token made for this join and good for half an hour: nothing that is stored can expire. */
async function newDiscovery(ctx: TaskContext) {
  const { host } = clusterOf(ctx)
  const command = await host.$({
    quiet: true,
  })`KUBECONFIG=${kubeconfig} kubeadm token create --ttl 30m --print-join-command`
  const [, endpoint] = /join\s+(\S+)/.exec(command.stdout) ?? []
  const [, token] = /--token\s+(\S+)/.exec(command.stdout) ?? []
  const [, caCertHash] = /--discovery-token-ca-cert-hash\s+(\S+)/.exec(command.stdout) ?? []
  if (!endpoint || !token || !caCertHash) throw new Error('kubeadm printed no join command')
  ctx.secret(token)
  return { endpoint, token, caCertHash }
}
