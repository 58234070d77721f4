import { installPrograms, missingPrograms, type Program } from '../bundle/deliver.ts'
import { installPackages, missingPackages } from '../bundle/os-packages.ts'
import { refused } from '../event/failure.ts'
import { linesOf } from '../host/lines-of.ts'
import { doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { checkService } from './check-service.ts'
import { checkCniFolder, setUpCniFolder } from './cni-folder.ts'
import { type CrioStorage, crioConfig, imageIn, registriesConfig, storageOf } from './cri-o-config.ts'
import type { Runtime } from './runtime.ts'
import { sandboxImage } from './sandbox-image.ts'

const packages = ['cri-o', 'runc', 'conmon', 'containernetworking-plugins', 'skopeo']
/** CRI-O's own way to be asked for its images; on cloud nodes Kubernetes brings the same one. */
const crictl: readonly Program[] = [{ asset: 'crictl', path: '/usr/local/bin/crictl' }]
const dropIn = '/etc/crio/crio.conf.d/90-kedge.conf'
const registries = '/etc/containers/registries.conf.d/90-kedge.conf'
const policy = '/etc/containers/policy.json'
const cniFolder = '/etc/cni/net.d'

export const crio: Runtime = {
  endpoint: 'unix:///var/run/crio/crio.sock',
  service: 'crio',

  checkInstalled(ctx) {
    return firstPending(
      async () => {
        // By program, not by package: other builds of CRI-O bring their runc and conmon along.
        const programs = await ctx.$`crio --version && skopeo --version`.nothrow()
        if (programs.exitCode === 0) return { done: true }
        const missing = await missingPackages(ctx, packages)
        return pending(`${missing.join(', ') || 'crio'} not installed`)
      },
      () => checkCniFolder(ctx),
      async () => {
        const samples = await sampleNetworks(ctx)
        return doneIf(samples.length === 0, `CRI-O's sample network would win over the lab's: ${samples.join(', ')}`)
      },
      async () => doneIf((await missingPrograms(ctx, crictl)).length === 0, 'crictl is not as in the bundle'),
    )
  },

  async install(ctx) {
    if ((await missingPackages(ctx, ['containerd.io'])).length === 0) {
      throw refused(
        `${ctx.node.name} has Docker's containerd.io, which does not let the runc in that CRI-O needs`,
        `apt remove containerd.io on ${ctx.node.name}, or give the node \`runtime: containerd\``,
      )
    }
    await installPackages(ctx, 'cri-o')
    await setUpCniFolder(ctx)
    for (const name of await sampleNetworks(ctx)) {
      const sample = `${cniFolder}/${name}`
      await ctx.$`mv -f ${sample} ${`${sample}.kedge-aside`}`
    }
    await installPrograms(ctx, crictl)
  },

  checkConfigured(ctx) {
    return firstPending(
      () => checkService(ctx, 'crio'),
      async () => {
        const found = await ctx.host.read(dropIn)
        const wanted = (['overlay', 'vfs'] as const).map((driver) => crioConfig(sandboxImage(ctx), driver))
        return doneIf(found !== undefined && wanted.includes(found), `${dropIn} is not what kedge writes`)
      },
      async () =>
        doneIf((await ctx.host.read(registries)) === registriesConfig, `${registries} is not what kedge writes`),
      async () => {
        // What CRI-O itself makes of its files, later drop-ins included; a value that is the default stands in a comment.
        const { stdout } = await ctx.$`crio config 2>/dev/null`
        return doneIf(/^(?:# *)?cgroup_manager = "systemd"$/m.test(stdout), 'the cgroup driver is not systemd')
      },
      async () => doneIf(await hasPolicy(ctx), whyNoPolicy),
    )
  },

  async configure(ctx) {
    if (!(await hasPolicy(ctx))) {
      throw refused(
        whyNoPolicy,
        "install golang-github-containers-common, which brings the distribution's, or write one (man containers-policy.json)",
      )
    }
    const driver = await storageDriver(ctx)
    if (driver === 'vfs') ctx.say('no overlay file system here: CRI-O copies each image layer (vfs), which takes room')
    // Aside means outside of the folders: CRI-O reads every file in its own, whatever it is called.
    const aside = { config: '/etc/crio/90-kedge.conf.new', registries: '/etc/containers/90-kedge-registries.conf.new' }
    await ctx.$`mkdir -p /etc/crio/crio.conf.d /etc/containers/registries.conf.d`
    await ctx.host.write(aside.config, crioConfig(sandboxImage(ctx), driver))
    await ctx.host.write(aside.registries, registriesConfig)
    // Stop, rename, start: should this be cut off, a CRI-O that runs has read the files that are there.
    await ctx.$`systemctl stop crio && mv -f ${aside.registries} ${registries} && mv -f ${aside.config} ${dropIn} && systemctl enable --now crio`
  },

  async images({ $ }) {
    const { images } = JSON.parse((await $`crictl --runtime-endpoint ${crio.endpoint} images -o json`).stdout) as {
      images?: readonly { readonly id: string; readonly repoTags?: readonly string[] }[]
    }
    return (images ?? []).flatMap(({ id, repoTags = [] }) =>
      repoTags.map((name) => ({ name, id: `sha256:${id.replace('sha256:', '')}` })),
    )
  },

  async configuredSandbox({ $ }) {
    const { stdout } = await $`crio config 2>/dev/null`
    return /^(?:# *)?pause_image = "(.+)"$/m.exec(stdout)?.[1]
  },

  async importImages({ $, host }, archives) {
    const storage: CrioStorage = storageOf((await host.read(dropIn)) ?? '')
    for (const { path, name } of archives) {
      await $`skopeo copy --quiet ${`docker-archive:${path}`} ${imageIn(storage, name)}`
    }
  },
}

const whyNoPolicy = `${policy} is missing: without it nothing may be put into CRI-O's storage`
const hasPolicy = async ({ $ }: TaskContext) => (await $`test -s ${policy}`.nothrow()).exitCode === 0

/** Bridges that some builds of CRI-O bring as an example: by name they come before the lab's pod network. */
async function sampleNetworks({ $ }: TaskContext): Promise<readonly string[]> {
  const names = linesOf(await $`ls ${cniFolder} 2>/dev/null`.nothrow())
  return names.filter((name) => /^\d+-crio-.*bridge\.conf(?:list)?$/.test(name))
}

/** Overlay wherever the folder's file system can carry one; a node whose root is an overlay itself cannot. */
async function storageDriver({ $ }: TaskContext): Promise<CrioStorage['driver']> {
  const answer =
    await $`mkdir -p /var/lib/containers/storage && cd "$(mktemp -d -p /var/lib/containers/storage .kedge-XXXXXX)"
mkdir lower upper work merged
if mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged 2>/dev/null; then umount merged; echo overlay; else echo vfs; fi
rm -rf "$PWD"`
  return answer.stdout.trim() === 'overlay' ? 'overlay' : 'vfs'
}
