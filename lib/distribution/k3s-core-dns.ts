import { TaskError } from '../event/failure.ts'
import { doneIf, type TaskContext } from '../task/task.ts'
import { untilDone } from '../task/until-done.ts'
import { clusterOf } from './cluster.ts'

/** K3s unpacks its own manifests here at each start. */
const manifest = '/var/lib/rancher/k3s/server/manifests/coredns.yaml'

const imagesOf = ({ assets, node }: TaskContext): readonly string[] =>
  assets('image').flatMap(({ name, roles }) => (roles.length === 0 || roles.includes(node.role) ? [name] : []))

/**
 * Why CoreDNS of the K3s that runs would not start from this bundle; undefined where it would. K3s wants it under a name
 * of its own that only the program knows, until it has started once.
 */
export async function whyNoCoreDns(ctx: TaskContext): Promise<string | undefined> {
  const image = /^\s*(?:- )?image:\s*"?([^"\s]+)/m.exec((await ctx.host.read(manifest)) ?? '')?.[1]
  if (!image) return `K3s has not unpacked ${manifest}`
  const name = fullName(image)
  if (imagesOf(ctx).includes(name)) return undefined
  return `the bundle has no ${name} for ${ctx.node.name}, which K3s runs CoreDNS from`
}

/** A first part without a dot or a port is no registry but a name on Docker Hub. */
const fullName = (name: string): string => (/^(?:[^/]*[.:][^/]*|localhost)\//.test(name) ? name : `docker.io/${name}`)

export async function refuseWithoutCoreDns(ctx: TaskContext): Promise<void> {
  const why = await whyNoCoreDns(ctx)
  if (why) throw incomplete(ctx, why)
}

/** Before the first start: a bundle in which nothing can be the image is refused while nothing is touched yet. */
export function refuseWithoutAnyCoreDns(ctx: TaskContext): void {
  if (imagesOf(ctx).some((name) => /\/rancher\/.*coredns/.test(name))) return
  throw incomplete(ctx, `the bundle has no CoreDNS for ${ctx.node.name} as K3s names it (docker.io/rancher/…coredns…)`)
}

const incomplete = ({ topology }: TaskContext, message: string) =>
  new TaskError({
    kind: 'bundle',
    message,
    cure: `add the image that the list of K3s ${topology.kubernetes.version}'s images (k3s-images.txt) names for CoreDNS`,
  })

/** Beside a manifest it makes K3s leave alone, at its next starts, what it has deployed from there. */
const skip = `${manifest}.skip`

/**
 * Waits until K3s has deployed CoreDNS, and has it stay as it is from then on: at each start K3s would otherwise take
 * back what is changed in its settings.
 */
export async function keepCoreDns(ctx: TaskContext): Promise<void> {
  await untilDone(ctx, async () => {
    const deployment = await clusterOf(ctx).get('-n', 'kube-system', 'deployment', 'coredns')
    return doneIf(deployment !== undefined, 'K3s has not deployed CoreDNS yet')
  })
  await ctx.$`touch ${skip}`
}

/** The next start deploys CoreDNS as this K3s has it, another version perhaps; the pod network's task sees what that undid. */
export async function renewCoreDns({ $ }: TaskContext): Promise<void> {
  await $`rm -f ${skip}`
}
