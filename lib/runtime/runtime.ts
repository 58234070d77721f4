import type { Check, TaskContext } from '../task/task.ts'
import type { RuntimeName } from '../topology/topology.ts'
import { containerd } from './containerd.ts'
import { crio } from './cri-o.ts'

/** What differs between container runtimes; a task asks for `runtimeOf(ctx)` and never for a name. */
export type Runtime = {
  /** The CRI endpoint, as kubeadm and keadm take it. */
  readonly endpoint: string
  /** The systemd unit. */
  readonly service: string
  /** Its programs and the CNI plug-ins are there; it need not run yet, and does not before it is configured. */
  checkInstalled(ctx: TaskContext): Promise<Check>
  install(ctx: TaskContext): Promise<void>
  /** systemd as cgroup driver, the bundle's sandbox image, running with exactly that configuration. */
  checkConfigured(ctx: TaskContext): Promise<Check>
  configure(ctx: TaskContext): Promise<void>
  /** What the CRI sees. */
  images(ctx: TaskContext): Promise<readonly RuntimeImage[]>
  /** The image of every pod's sandbox, as the runtime itself reads its configuration; undefined where it names none. */
  configuredSandbox(ctx: TaskContext): Promise<string | undefined>
  /** Imports docker-archives that lie on the node, for the node's platform, each under the name it carries. */
  importImages(ctx: TaskContext, archives: readonly { readonly path: string; readonly name: string }[]): Promise<void>
}

export type RuntimeImage = {
  /** In full, with tag. */
  readonly name: string
  /** `sha256:…` of its configuration; undefined while the CRI has not looked at it yet. */
  readonly id?: string
}

const runtimes: Record<RuntimeName, Runtime> = { containerd, 'cri-o': crio }

export const runtimeOf = ({ node }: Pick<TaskContext, 'node'>): Runtime => runtimes[node.runtime]
