import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { openSync } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lab } from '../lab.ts'
import { createNamespace, inside, removeNamespace, shellInside } from '../namespace.ts'
import { $ } from '../shell.ts'

/** A node to be: a system container, reached over SSH like any machine that exists already. */
export type Container = {
  readonly name: string
  /** `address/prefix` by LAN. */
  readonly networks: Readonly<Record<string, string>>
  /** Ranges that lie behind a neighbour, as `range via address`. */
  readonly routes?: readonly string[]
}

export type ContainerLab = { readonly lab: Lab; readonly containers: readonly Container[] }

/** Where people and kedge find what they need for SSH: `HOME` with known_hosts, and the private key. */
export const homeOf = (lab: Lab): string => join(lab.folder, 'home')
export const keyOf = (lab: Lab): string => join(lab.folder, 'home/.ssh/id_ed25519')

const folderOf = (lab: Lab, name: string) => join(lab.folder, 'containers', name)
const bridgeOf = (lan: string) => `br-${lan}`
/** The end of a container's cable that hangs on the bridge; interface names have 15 characters. */
export const cableOf = ({ containers }: ContainerLab, name: string, lan: string): string => {
  const index = containers.findIndex((container) => container.name === name)
  return `c${index}-${Object.keys(containers[index]?.networks ?? {}).indexOf(lan)}`
}

/**
 * Boots the containers on bridges of their own, inside the lab's namespace, and returns when all answer over SSH (some
 * 3 s). `gateway` gives the lab itself an address on one of the LANs, the one that kedge comes over.
 */
export async function bootContainers(
  plan: ContainerLab,
  root: string,
  gateway: { readonly lan: string; readonly address: string },
): Promise<void> {
  const { lab, containers } = plan
  await createNamespace(lab.name)
  const { stdout: isBig } = await $`cat /proc/sys/net/netfilter/nf_conntrack_max 2>/dev/null`.nothrow()
  // Inside a container kube-proxy may not set what is the whole machine's, and finds it set.
  if (isBig.trim() !== '') await writeFile('/proc/sys/net/netfilter/nf_conntrack_max', '131072')
  const home = join(homeOf(lab), '.ssh')
  await mkdir(home, { recursive: true, mode: 0o700 })
  await $`test -s ${keyOf(lab)} || ssh-keygen -q -t ed25519 -N '' -C lab -f ${keyOf(lab)}`
  const lans = new Set(containers.flatMap(({ networks }) => Object.keys(networks)))
  const $in = shellInside(lab.name)
  for (const lan of lans) {
    await $in`ip link show ${bridgeOf(lan)} >/dev/null 2>&1 || ip link add ${bridgeOf(lan)} type bridge`
    await $in`ip link set ${bridgeOf(lan)} up`
  }
  await $in`ip address replace ${gateway.address} dev ${bridgeOf(gateway.lan)}`
  const hosts = containers.map(({ name, networks }) => ({ name, address: bare(networks[gateway.lan] ?? '') }))
  await Promise.all(containers.map((container) => boot(plan, container, root)))
  for (const { name, address } of hosts) await untilSsh(lab, name, address)
}

const bare = (address: string) => address.split('/')[0] ?? ''

async function boot(plan: ContainerLab, container: Container, root: string): Promise<void> {
  const { lab } = plan
  const { name, networks } = container
  const folder = folderOf(lab, name)
  await fillOverlay(lab, container, join(folder, 'upper'))
  const lans = Object.keys(networks)
  const cables = lans.map((lan, index) => `${cableOf(plan, name, lan)}:lan${index}`)
  const script = join(import.meta.dir, 'node.sh')
  const command = ['unshare', '--mount', '--', 'sh', script, name, folder, root, ...cables]
  const [program = '', ...rest] = inside(lab.name, command)
  const log = openSync(join(folder, 'console.log'), 'a')
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', log, log], cwd: '/' })
  child.unref()
  // Each of the programs above becomes the next one, so this is nspawn's.
  await writeFile(join(folder, 'pid'), String(child.pid))
  const $in = shellInside(lab.name)
  for (const lan of lans) {
    const cable = cableOf(plan, name, lan)
    await $in`for try in $(seq 100); do ip link show ${cable} >/dev/null 2>&1 && break; sleep 0.1; done
      ip link set ${cable} master ${bridgeOf(lan)} up`
  }
  await openUp(child.pid ?? 0)
}

/** What makes this container a node of its own, laid over the shared file system. */
async function fillOverlay(lab: Lab, { name, networks, routes = [] }: Container, upper: string): Promise<void> {
  const put = async (path: string, text: string, mode = 0o644) => {
    await mkdir(join(upper, path, '..'), { recursive: true })
    await writeFile(join(upper, path), text, { mode })
    await chmod(join(upper, path), mode)
  }
  await put('etc/hostname', `${name}\n`)
  await put('etc/hosts', `127.0.0.1 localhost\n${bare(Object.values(networks).at(-1) ?? '')} ${name}\n`)
  await put('etc/fstab', '')
  await put('etc/machine-id', `${randomBytes(16).toString('hex')}\n`)
  await put('etc/resolv.conf', '')
  for (const [index, address] of Object.values(networks).entries()) {
    const routed = routes.filter((route) => sameLan(address, bare(route.split(' via ')[1] ?? '')))
    const sections = routed.map((route) => {
      const [destination, via] = route.split(' via ')
      return `\n[Route]\nDestination=${destination}\nGateway=${via}\n`
    })
    await put(
      `etc/systemd/network/lan${index}.network`,
      `[Match]\nName=lan${index}\n\n[Network]\nAddress=${address}\n${sections.join('')}`,
    )
  }
  await put('root/.ssh/authorized_keys', await readFile(`${keyOf(lab)}.pub`, 'utf8'), 0o600)
  await chmod(join(upper, 'root'), 0o700)
  const hostKey = join(upper, 'etc/ssh/ssh_host_ed25519_key')
  await mkdir(join(upper, 'etc/ssh'), { recursive: true })
  await $`test -s ${hostKey} || ssh-keygen -q -t ed25519 -N '' -C ${name} -f ${hostKey}`
  const address = bare(Object.values(networks)[0] ?? '')
  const [type, key] = (await readFile(`${hostKey}.pub`, 'utf8')).split(' ')
  await $`echo ${`${address} ${type} ${key}`} >>${join(homeOf(lab), '.ssh/known_hosts')}`
  // Nobody hands a seed to a container.
  const units = join(upper, 'etc/systemd/system')
  await mkdir(units, { recursive: true })
  await $`ln -sfn /dev/null ${join(units, 'cloud-init-local.service')}`
  const wrapper = join(upper, 'usr/local/sbin/runc')
  await mkdir(join(wrapper, '..'), { recursive: true })
  await copyFile(join(import.meta.dir, 'runc.py'), wrapper)
  await chmod(wrapper, 0o755)
}

function sameLan(own: string, other: string): boolean {
  const value = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const [address = '', prefix = '32'] = own.split('/')
  const size = 2 ** (32 - Number(prefix))
  return Math.floor(value(address) / size) === Math.floor(value(other) / size)
}

/** cgroups may be changed inside, and the kernel settings that kubelet insists on read as it wants them: they are the machine's. */
async function openUp(nspawn: number): Promise<void> {
  const script = `
    for controller in /sys/fs/cgroup/*/; do mount -o remount,bind,rw "$controller"; done
    mkdir -p /run/kernel-settings
    set_to() { echo "$2" >/run/kernel-settings/"$1"; mount --bind /run/kernel-settings/"$1" /proc/sys/"$(echo "$1" | tr . /)"; }
    set_to vm.overcommit_memory 1
    set_to kernel.panic 10
    set_to kernel.panic_on_oops 1`
  const init = await $`for try in $(seq 100); do
      init=$(pgrep -x -P ${nspawn} systemd) && break; sleep 0.1
    done; echo $init`
  await $`nsenter --target ${init.stdout.trim()} --mount --pid -- sh -c ${script}`
}

async function untilSsh(lab: Lab, name: string, address: string): Promise<void> {
  for (let round = 0; round < 300; round++) {
    const answer = await shellInside(
      lab.name,
    )`timeout 2 bash -c ${`exec 3<>/dev/tcp/${address}/22`} 2>/dev/null`.nothrow()
    if (answer.exitCode === 0) return
    await Bun.sleep(100)
  }
  const console = await readFile(join(folderOf(lab, name), 'console.log'), 'utf8')
  throw new Error(`${name} does not answer on ${address}:\n${console.split('\n').slice(-20).join('\n')}`)
}

/** A command's words for a container, over SSH as any person would. */
export const sshTo = ({ lab, containers }: ContainerLab, name: string, remote: readonly string[]): string[] => {
  const networks = containers.find((container) => container.name === name)?.networks ?? {}
  const options = [`UserKnownHostsFile=${join(homeOf(lab), '.ssh/known_hosts')}`, 'BatchMode=yes', 'LogLevel=ERROR']
  const words = ['-F', '/dev/null', '-i', keyOf(lab), ...options.flatMap((option) => ['-o', option])]
  return inside(lab.name, ['ssh', ...words, `root@${bare(Object.values(networks)[0] ?? '')}`, '--', ...remote])
}

/** Ends the containers, whatever they do, and removes the namespace, the groups and their disks. Meets anything, also nothing. */
export async function removeContainers(lab: Lab): Promise<void> {
  const names = await readdir(join(lab.folder, 'containers')).catch(() => [])
  for (const name of names) {
    const pid = await readFile(join(folderOf(lab, name), 'pid'), 'utf8').catch(() => '')
    const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (!argv.includes(`--directory=${folderOf(lab, name)}/`)) continue
    // The kernel ends everything in a container with its first process.
    await $`kill -KILL $(cat /proc/${pid}/task/${pid}/children)`.nothrow()
  }
  await removeNamespace(lab.name)
  await $`find /sys/fs/cgroup -path '*/kedge-lab/*' -depth -type d -exec rmdir {} + 2>/dev/null`.nothrow()
  await $`rmdir /sys/fs/cgroup/*/kedge-lab 2>/dev/null`.nothrow()
  for (const name of names) {
    await rm(folderOf(lab, name), { recursive: true, force: true })
  }
}
