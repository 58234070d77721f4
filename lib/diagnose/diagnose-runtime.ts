import { runtimeOf } from '../runtime/runtime.ts'
import { sandboxImage } from '../runtime/sandbox-image.ts'
import type { TaskContext } from '../task/task.ts'
import type { EdgeView } from './diagnose-edge.ts'
import { attempt, fail, ok, type Step, skip } from './diagnosis.ts'

/** Whether the node's container runtime runs as kedge configures it, with systemd cgroups. */
export async function runtimeStep(ctx: TaskContext): Promise<Step> {
  const { service } = runtimeOf(ctx)
  const what = `${service} runs, with systemd cgroups`
  const configured = await attempt(() => runtimeOf(ctx).checkConfigured(ctx))
  if (!configured.ok) return skip(what, configured.message)
  if (configured.value.done) return ok(what, 'systemd')
  const { why } = configured.value
  return fail(what, why, `${service}: ${why}`, `kedge run install-runtime set-cgroup-driver --on ${ctx.node.name}`)
}

/** The runtime of an edge, edgecore's agreement with it, and the two images without which no join gets anywhere. */
export async function stepsOfRuntime(view: EdgeView): Promise<readonly Step[]> {
  const { ctx, facts } = view
  const version = ctx.topology.kubeedge.version
  const [runtime, images] = await Promise.all([runtimeStep(ctx), attempt(() => runtimeOf(ctx).images(ctx))])
  const image = async (what: string, nameOf: () => string, isNeeded: boolean): Promise<Step> => {
    const name = await attempt(async () => nameOf())
    if (!name.ok) return skip(what, name.message)
    if (!images.ok) return skip(what, images.message)
    if (images.value.some((present) => present.name === name.value)) return ok(what, name.value)
    if (!isNeeded) return skip(what, `not there, and not needed any more: ${name.value}`)
    return fail(
      what,
      `not there: ${name.value}`,
      `the image ${name.value} is not on ${ctx.node.name}, and cannot be pulled from there`,
      `kedge run load-kubeedge-images --on ${ctx.node.name}`,
    )
  }
  return [
    runtime,
    driverStep(view),
    await image('the sandbox image is there', () => sandboxImage(ctx), true),
    await image(
      'the installation package is there',
      () => `docker.io/kubeedge/installation-package:v${version}`,
      !facts.hasCertificates,
    ),
  ]
}

function driverStep({ ctx, facts }: EdgeView): Step {
  const what = "edgecore's cgroup driver is the runtime's"
  if (facts.cgroupDriver === '') return skip(what, 'no edgecore.yaml yet')
  if (facts.cgroupDriver === 'systemd') return ok(what, 'systemd')
  const name = ctx.node.name
  return fail(
    what,
    facts.cgroupDriver,
    `edgecore is set up for ${facts.cgroupDriver}, the runtime for systemd`,
    `kedge ssh ${name} -- sudo keadm reset edge --force; kedge run join-edge --on ${name}`,
  )
}
