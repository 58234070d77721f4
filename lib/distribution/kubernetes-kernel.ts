import { otherFiles } from '../task/other-files.ts'
import { type Check, doneIf, pending, type TaskContext } from '../task/task.ts'

const modules = ['overlay', 'br_netfilter']
const modulesFile = '/etc/modules-load.d/kedge.conf'
const settingsFile = '/etc/sysctl.d/90-kedge.conf'
const settings: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.bridge.bridge-nf-call-iptables': '1',
  'net.bridge.bridge-nf-call-ip6tables': '1',
}

const asFile = () =>
  Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')

/** The kernel modules and settings that Kubernetes' networking needs, now and after a reboot. */
export async function checkKernel(ctx: TaskContext): Promise<Check> {
  const found = (await ctx.$`sysctl -n ${Object.keys(settings)} 2>/dev/null`.nothrow()).stdout.trim().split('\n')
  const wrong = Object.entries(settings).filter(([, value], index) => found[index] !== value)
  if (wrong.length > 0) return pending(`${wrong.map(([name]) => name).join(', ')} not set`)
  const [other] = await otherFiles(ctx, { [settingsFile]: asFile(), [modulesFile]: `${modules.join('\n')}\n` })
  return doneIf(!other, `${other} is not what kedge writes`)
}

export async function setUpKernel({ $, host }: TaskContext): Promise<void> {
  await host.write(modulesFile, `${modules.join('\n')}\n`)
  await host.write(settingsFile, asFile())
  // A kernel with everything built in, or a system container, has no modules to load and may have what they bring.
  await $`modprobe -q overlay || grep -qw overlay /proc/filesystems || modprobe overlay`
  await $`modprobe -q br_netfilter || test -e /proc/sys/net/bridge || modprobe br_netfilter`
  await $`sysctl -q -p ${settingsFile}`
}
