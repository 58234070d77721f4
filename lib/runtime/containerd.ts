import { installPackages, missingPackages } from '../bundle/os-packages.ts'
import { linesOf } from '../host/lines-of.ts'
import { otherFiles } from '../task/other-files.ts'
import { doneIf, firstPending, pending, type TaskContext } from '../task/task.ts'
import { checkCniFolder, setUpCniFolder } from './cni-folder.ts'
import type { Runtime } from './runtime.ts'
import { sandboxImage } from './sandbox-image.ts'

const packages = ['containerd', 'runc', 'containernetworking-plugins']
const configFile = '/etc/containerd/config.toml'

export const containerd: Runtime = {
  endpoint: 'unix:///run/containerd/containerd.sock',
  service: 'containerd',

  async checkInstalled(ctx) {
    const version = await ctx.$`containerd --version`.nothrow()
    if (version.exitCode !== 0) {
      const missing = await missingPackages(ctx, packages)
      return pending(`${missing.join(', ') || 'containerd'} not installed`)
    }
    return checkCniFolder(ctx)
  },

  async install(ctx) {
    await installPackages(ctx, 'containerd')
    await setUpCniFolder(ctx)
  },

  async checkConfigured(ctx) {
    const { service, config, plugins } = await tells(ctx)
    return firstPending(
      () => doneIf(service === 'active', `containerd is ${service || 'not a service'}`),
      async () => {
        const [other] = await otherFiles(ctx, { [configFile]: await wantedConfig(ctx) })
        return doneIf(!other, `${configFile} is not what kedge writes`)
      },
      () => doneIf(/SystemdCgroup = true/.test(config), 'the cgroup driver is not systemd'),
      () => doneIf(/^io\.containerd\.grpc\.v1\s+cri\s.*\bok\s*$/m.test(plugins), 'the CRI plug-in does not answer'),
    )
  },

  async configure(ctx) {
    const { $, host } = ctx
    const aside = `${configFile}.kedge`
    await host.write(aside, await wantedConfig(ctx))
    await $`test -e ${configFile}.orig || cp -p ${configFile} ${configFile}.orig 2>/dev/null || true`
    // Stop, rename, start: should this be cut off, a containerd that runs has read the file that is there.
    await $`systemctl stop containerd && mv -f ${aside} ${configFile} && systemctl enable --now containerd`
  },

  async images({ $ }) {
    // It asks containerd some ten times for each image, in turn: more threads than one only wait for each other.
    const rows = linesOf(await $`GOMAXPROCS=1 ctr -n k8s.io images ls`).map((line) => line.split(/\s+/))
    // The CRI lists each image that it has looked at a second time, with the same target, by its id.
    const isId = (name: string) => name.startsWith('sha256:')
    return rows.slice(1).flatMap(([name = '', , target]) => {
      if (isId(name)) return []
      const ids = rows.filter(([id = '', , other]) => isId(id) && other === target).map(([id]) => id)
      return ids.length === 0 ? [{ name }] : ids.map((id) => ({ name, id }))
    })
  },

  async configuredSandbox(ctx) {
    // 1.x calls it sandbox_image, 2.x sandbox, each in quotes of its own.
    return /^ *sandbox(?:_image)? = ["'](.+)["']/m.exec((await tells(ctx)).config)?.[1]
  },

  async importImages({ $, node }, archives) {
    const once = new Map(archives.map(({ path, name }) => [path, name]))
    // The namespace matters: the CRI sees k8s.io only. So does the platform, for archives that list more than they hold.
    await $`printf '%s\\0' ${[...once].flat()} | xargs -0 -n 2 -P ${importsAtOnce} sh -c ${importOne} ${`linux/${node.architecture}`}`
  },
}

/** Importing waits for the disk most of the time: several at once share those waits. */
const importsAtOnce = 4
const importOne = 'ctr -n k8s.io images import --platform "$0" "$1" || { echo "cannot import $2" >&2; exit 1; }'

const between = '--- kedge'

type Told = {
  /** systemd's word for its unit. */
  readonly service: string
  /** What containerd itself makes of its files, defaults and imports included; empty where it cannot read them. */
  readonly config: string
  /** A table; empty where no containerd answers. */
  readonly plugins: string
}

/** What the checks want to know of containerd, in one command, as every one costs the node a program's start and more. */
async function tells({ $ }: TaskContext): Promise<Told> {
  // Where no containerd runs, ctr would try for ten seconds.
  const { stdout } = await $`service=$(systemctl is-active containerd) || true
echo "$service"
echo ${between}
containerd config dump || true
echo ${between}
[ "$service" != active ] || ctr plugins ls || true`
  const [service = '', config = '', plugins = ''] = stdout.split(`${between}\n`)
  return { service: service.trim(), config, plugins }
}

/** The configuration for the containerd that is installed: 2.x renamed the plug-ins with the file's version 3. */
async function wantedConfig(ctx: TaskContext): Promise<string> {
  const version = (await ctx.$`containerd --version`).stdout
  const major = Number(/\bv?(\d+)\.\d+\.\d+/.exec(version)?.[1] ?? '1')
  return containerdConfig(major, sandboxImage(ctx))
}

/** config.toml with systemd as cgroup driver and one sandbox image. `major` is containerd's. Additions of the user's go into conf.d. */
export function containerdConfig(major: number, sandbox: string): string {
  const v2 = `version = 2
imports = ["/etc/containerd/conf.d/*.toml"]

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandbox}"

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/opt/cni/bin"
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
`
  const v3 = `version = 3
imports = ["/etc/containerd/conf.d/*.toml"]

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${sandbox}"

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dir = "/opt/cni/bin"
  conf_dir = "/etc/cni/net.d"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = true
`
  return major >= 2 ? v3 : v2
}
