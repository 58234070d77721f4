import type { Check, TaskContext } from '../task/task.ts'
import type { DistributionName, Node, Topology } from '../topology/topology.ts'
import type { CertificateFiles } from './certificate-files.ts'
import type { AskNode } from './cluster.ts'
import { k3s } from './k3s.ts'
import { kubeadm } from './kubeadm.ts'

/** What differs between Kubernetes distributions; tasks ask `distributionOf(ctx)` and never for a name. */
export type Distribution = {
  /** The admin kubeconfig, on the control plane. */
  readonly kubeconfig: string
  /** kubectl with that kubeconfig, as words. */
  readonly kubectl: readonly string[]
  /** The certificates of a cloud node, for `kedge status`. */
  certificates(topology: Topology, node: Node): readonly CertificateFiles[]
  /** What a cloud node needs before there is a cluster. */
  checkInstalled(ctx: TaskContext): Promise<Check>
  install(ctx: TaskContext): Promise<void>
  /** A control plane that answers, on the control plane's node. */
  checkCluster(ctx: TaskContext, ask: AskNode): Promise<Check>
  initCluster(ctx: TaskContext): Promise<void>
  /** A pod network on the cloud nodes, and nothing of the cloud's on edges. */
  checkNetwork(ctx: TaskContext): Promise<Check>
  installNetwork(ctx: TaskContext): Promise<void>
  /** This worker in the cluster. */
  checkWorker(ctx: TaskContext, ask: AskNode): Promise<Check>
  joinWorker(ctx: TaskContext): Promise<void>
  /** Ends this worker's part in the cluster that kedge joined it to, on the worker alone: the cluster is not asked. */
  leaveAsWorker(ctx: TaskContext): Promise<void>
  /** The systemd unit that the kubelet runs in, on this cloud node. */
  kubeletUnit(node: Node): string
  /** The kubelet's cgroup driver on this cloud node, as it is configured there; undefined where nothing says it. */
  kubeletCgroupDriver(ctx: Pick<TaskContext, 'host'>): Promise<string | undefined>
}

const distributions: Record<DistributionName, Distribution> = { kubeadm, k3s }

export const distributionOf = ({ topology }: { readonly topology: Topology }): Distribution =>
  distributions[topology.kubernetes.distribution]
