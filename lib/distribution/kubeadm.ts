import { installPrograms, missingPrograms, type Program } from '../bundle/deliver.ts'
import { installPackages, missingPackages } from '../bundle/os-packages.ts'
import { refused } from '../event/failure.ts'
import { runtimeOf } from '../runtime/runtime.ts'
import { doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { kubeadmCertificates } from './certificate-files.ts'
import { clusterOf, type NodeObject, whyNotReady } from './cluster.ts'
import type { Distribution } from './distribution.ts'
import { guardDaemonSets, nameOf, unguardedDaemonSets } from './edge-guard.ts'
import { initConfig, joinConfig } from './kubeadm-config.ts'
import { kubeletUnits } from './kubelet-units.ts'
import { checkKernel, setUpKernel } from './kubernetes-kernel.ts'
import { podNetworkObjects } from './pod-network.ts'

const packages = ['conntrack', 'socat', 'ebtables', 'ethtool', 'iptables']
const programs: readonly Program[] = ['kubeadm', 'kubelet', 'kubectl', 'crictl'].map((name) => ({
  asset: name,
  path: `/usr/local/bin/${name}`,
}))
const kubeconfig = '/etc/kubernetes/admin.conf'
const initFile = '/var/lib/kedge/kubeadm-init.json'
const joinFile = '/var/lib/kedge/kubeadm-join.json'
/** Written before `kubeadm init` and `join`: leftovers beside it are kedge's own, and may be reset. */
const begunFile = '/var/lib/kedge/kubeadm-begun'
/** Written after success: from here on nothing is ever reset. */
const joinedFile = '/var/lib/kedge/kubeadm-done'

export const kubeadm: Distribution = {
  kubeconfig,
  kubectl: ['kubectl', `--kubeconfig=${kubeconfig}`],
  certificates: kubeadmCertificates,

  checkInstalled(ctx) {
    return firstPending(
      async () => {
        const missing = await missingPackages(ctx, packages)
        return doneIf(missing.length === 0, `${missing.join(', ')} not installed`)
      },
      async () => {
        const missing = await missingPrograms(ctx, programs)
        return doneIf(missing.length === 0, `${missing.map(({ asset }) => asset).join(', ')} not as in the bundle`)
      },
      () => checkKernel(ctx),
      async () => {
        for (const { path, content } of kubeletUnits(runtimeOf(ctx))) {
          if ((await ctx.host.read(path)) !== content) return pending(`${path} is not what kedge writes`)
        }
        const enabled = (await ctx.$`systemctl is-enabled kubelet`.nothrow()).stdout.trim()
        return doneIf(enabled === 'enabled', `kubelet is ${enabled || 'not a service'}`)
      },
    )
  },

  async install(ctx) {
    const missing = await missingPackages(ctx, packages)
    if (missing.length > 0) await installPackages(ctx, 'kubernetes-node')
    await installPrograms(ctx, programs)
    await setUpKernel(ctx)
    for (const { path, content } of kubeletUnits(runtimeOf(ctx))) await ctx.host.write(path, content)
    await ctx.$`systemctl daemon-reload && systemctl enable kubelet`
  },

  async checkCluster(ctx) {
    if ((await ctx.$`test -s ${kubeconfig}`.nothrow()).exitCode !== 0) return pending('there is no control plane')
    const health = await ctx.$`kubectl --kubeconfig=${kubeconfig} get --raw /healthz --request-timeout=10s`.nothrow()
    if (health.stdout.trim() !== 'ok') return pending(`the API server does not answer: ${lastLine(health.stderr)}`)
    return doneIf(await isThere(ctx, joinedFile), 'kubeadm init did not come to its end')
  },

  async initCluster(ctx) {
    const { $, host } = ctx
    if (await isThere(ctx, joinedFile)) return restartKubelet(ctx)
    await clearHalfMade(ctx, '/etc/kubernetes/manifests/kube-apiserver.yaml')
    await host.write(initFile, initConfig(ctx.topology, ctx.node, runtimeOf(ctx).endpoint), { mode: 0o600 })
    await host.write(begunFile, '')
    await $`kubeadm init --config ${initFile} --skip-token-print`
    await host.write(joinedFile, '')
  },

  async checkNetwork(ctx) {
    const cluster = clusterOf(ctx)
    const unguarded = await unguardedDaemonSets(cluster)
    if (unguarded.length > 0) return pending(`would land on edges: ${unguarded.map(nameOf).join(', ')}`)
    const node = await cluster.get<NodeObject>('node', ctx.node.name)
    const why = whyNotReady(node, ctx.node.name)
    return doneIf(!why, why ?? '')
  },

  async installNetwork(ctx) {
    const cluster = clusterOf(ctx)
    await cluster.apply(podNetworkObjects(ctx))
    await guardDaemonSets(cluster)
    await untilReady(ctx, ctx.node.name)
  },

  async checkWorker(ctx) {
    const why = whyNotReady(await clusterOf(ctx).get<NodeObject>('node', ctx.node.name), ctx.node.name)
    if (why) return pending(why)
    return doneIf(await isThere(ctx, joinedFile), 'kubeadm join did not come to its end')
  },

  async joinWorker(ctx) {
    const { $, host } = ctx
    if (await isThere(ctx, joinedFile)) {
      await restartKubelet(ctx)
      return untilReady(ctx, ctx.node.name)
    }
    await clearHalfMade(ctx, '/etc/kubernetes/kubelet.conf')
    const discovery = await newDiscovery(ctx)
    const secretConfig = ctx.secret(joinConfig(ctx.topology, ctx.node, runtimeOf(ctx).endpoint, discovery))
    await host.write(begunFile, '')
    await host.write(joinFile, secretConfig, { mode: 0o600 })
    try {
      await $`kubeadm join --config ${joinFile}`
    } finally {
      await $`rm -f ${joinFile}`
    }
    await host.write(joinedFile, '')
    await untilReady(ctx, ctx.node.name)
  },

  async kubeletCgroupDriver({ host }) {
    return /^cgroupDriver:\s*(\w+)/m.exec((await host.read('/var/lib/kubelet/config.yaml')) ?? '')?.[1]
  },
}

const isThere = async ({ $ }: TaskContext, path: string) => (await $`test -e ${path}`.nothrow()).exitCode === 0

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? ''

/** What an attempt of kedge's own left behind goes; a cluster that somebody else made is refused, never reset. */
async function clearHalfMade(ctx: TaskContext, sign: string): Promise<void> {
  if (!(await isThere(ctx, begunFile))) {
    if (!(await isThere(ctx, sign))) return
    throw refused(
      `${ctx.node.name} is part of a Kubernetes cluster that kedge did not make (${sign})`,
      `take it out of that cluster first (kubeadm reset on ${ctx.node.name}), or take the node out of the file`,
    )
  }
  // Also without the sign: kubeadm's pre-flight refuses what an earlier phase left (a CA file, a kubelet on its port).
  ctx.say('an earlier attempt was cut off: kubeadm reset')
  await ctx.$`kubeadm reset --force`
  await ctx.$`rm -rf /etc/cni/net.d/*flannel* /var/lib/etcd/member`
}

async function restartKubelet(ctx: TaskContext): Promise<void> {
  await ctx.$`systemctl restart kubelet`
  if (ctx.node.role === 'control-plane') await untilDone(ctx, () => kubeadm.checkCluster(ctx))
}

/** Waits as long as the task's timeout lets it. */
const untilReady = (ctx: TaskContext, name: string): Promise<void> =>
  untilDone(ctx, async () => {
    const why = whyNotReady(await clusterOf(ctx).get<NodeObject>('node', name), name)
    return doneIf(!why, why ?? '')
  })

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
