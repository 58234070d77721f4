import { installPackages, missingPackages } from '../bundle/os-packages.ts'
import { doneIf, firstPending, pending } from '../task/task.ts'
import { checkService } from './check-service.ts'
import { checkCniFolder, setUpCniFolder } from './cni-folder.ts'
import type { Runtime } from './runtime.ts'
import { sandboxImage } from './sandbox-image.ts'

const packages = ['cri-o', 'runc', 'conmon', 'containernetworking-plugins', 'skopeo']
const dropIn = '/etc/crio/crio.conf.d/90-kedge.conf'

export const crio: Runtime = {
  endpoint: 'unix:///var/run/crio/crio.sock',
  service: 'crio',

  async checkInstalled(ctx) {
    const version = await ctx.$`crio --version`.nothrow()
    if (version.exitCode === 0) return checkCniFolder(ctx)
    const missing = await missingPackages(ctx, packages)
    return pending(`${missing.join(', ') || 'crio'} not installed`)
  },

  async install(ctx) {
    await installPackages(ctx, 'cri-o')
    await setUpCniFolder(ctx)
  },

  checkConfigured(ctx) {
    return firstPending(
      () => checkService(ctx, 'crio'),
      async () =>
        doneIf((await ctx.host.read(dropIn)) === crioConfig(sandboxImage(ctx)), `${dropIn} is not what kedge writes`),
    )
  },

  async configure(ctx) {
    const aside = `${dropIn}.kedge`
    await ctx.host.write(aside, crioConfig(sandboxImage(ctx)))
    await ctx.$`systemctl stop crio && mv -f ${aside} ${dropIn} && systemctl enable --now crio`
  },

  async imageNames({ $ }) {
    const { images } = JSON.parse((await $`crictl --runtime-endpoint ${crio.endpoint} images -o json`).stdout) as {
      images: readonly { readonly repoTags: readonly string[] }[]
    }
    return images.flatMap((image) => image.repoTags)
  },

  async importImages({ $ }, archives) {
    for (const { path, name } of archives) {
      await $`skopeo copy ${`docker-archive:${path}`} ${`containers-storage:${name}`}`
    }
  },
}

/** The drop-in with systemd as cgroup manager and one pause image. */
export const crioConfig = (sandbox: string): string => `[crio.runtime]
cgroup_manager = "systemd"
conmon_cgroup = "system.slice"

[crio.image]
pause_image = "${sandbox}"

[crio.network]
plugin_dirs = ["/opt/cni/bin"]
`
