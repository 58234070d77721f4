import { readFile } from 'node:fs/promises'
import { say } from './progress.ts'
import { $ } from './shell.ts'

/** Packages of this machine, each with what it is there for. */
export type HostPackages = Readonly<Record<string, string>>

/** What any lab takes: the image of its nodes, which is built here, a network of its own, a way into the nodes. */
const common: HostPackages = {
  'qemu-utils': 'qemu-img',
  mmdebstrap: 'builds the root file system of the nodes',
  'apt-utils': 'apt-ftparchive, for the package index of the bundle',
  e2fsprogs: 'mke2fs and debugfs, for the VM image',
  dosfstools: 'mkfs.fat, for the boot partition and for seeds',
  mtools: 'files on FAT without a mount',
  syslinux: 'the boot loader of the VMs',
  'syslinux-common': 'its master boot record',
  fdisk: 'sfdisk',
  cpio: 'the initial RAM disk',
  iproute2: 'network namespaces',
  'openssh-client': 'the way into the nodes that does not lead through kedge',
  procps: 'pgrep, and ps for people who look around',
}

export const vmPackages: HostPackages = {
  ...common,
  'qemu-system-x86': 'runs the VMs',
  'libvirt-daemon-system': 'libvirtd and virtlogd',
  'libvirt-clients': 'virsh',
  'dnsmasq-base': 'libvirt refuses networks with an address without it',
  iptables: "libvirt's rules for its networks",
  tini: 'reaps what libvirtd leaves behind where PID 1 does not',
}

export const containerPackages: HostPackages = { ...common, 'systemd-container': 'runs the containers' }

export type Distribution = { readonly id: 'debian' | 'ubuntu'; readonly codename: string }

/** The host's distribution, or an error in plain words when the lab cannot stand on this machine. */
export async function distribution(): Promise<Distribution> {
  if (process.getuid?.() !== 0) throw new Error('the lab makes network namespaces and runs libvirtd: run it as root')
  if (process.arch !== 'x64')
    throw new Error(`the lab's VM image boots on x86-64 only, this machine is ${process.arch}`)
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? ''
  const kin = [field('ID'), ...field('ID_LIKE').split(' ')]
  const id = kin.includes('ubuntu') ? 'ubuntu' : kin.includes('debian') ? 'debian' : undefined
  const codename = field('UBUNTU_CODENAME') || field('VERSION_CODENAME')
  if (!id || !codename) {
    throw new Error(
      `the lab builds its VMs from Debian or Ubuntu packages; this is ${field('PRETTY_NAME') || 'neither'}`,
    )
  }
  return { id, codename }
}

/** Installs what is missing, and nothing else: no upgrade, no recommended extras, no service started. */
export async function installHostPackages(wanted: HostPackages): Promise<void> {
  await distribution()
  const missing = await missingOf(Object.keys(wanted))
  if (missing.length === 0) return
  say(`installing ${missing.map((name) => `${name} (${wanted[name]})`).join(', ')}`)
  const install = () =>
    withoutServices(() => $({ env: quietApt })`apt-get install -y -q --no-install-recommends ${missing}`.nothrow())
  // Without lists, or with lists from last month, the first attempt fails: then they are fetched, and only then.
  if ((await install()).exitCode === 0) return
  await $({ env: quietApt })`apt-get update -q`.nothrow()
  const second = await install()
  if (second.exitCode !== 0) throw new Error(`apt-get could not install the lab's packages:\n${second.stderr}`)
}

const quietApt = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

async function missingOf(names: string[]): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format
  const known = await $`dpkg-query -W -f ${'${Package} ${db:Status-Status}\n'} ${names} 2>/dev/null`.nothrow()
  const installed = new Set(
    known.stdout.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])),
  )
  return names.filter((name) => !installed.has(name))
}

/** libvirtd and sshd would come up by themselves; the lab brings its own and must not leave others behind. */
async function withoutServices<T>(work: () => PromiseLike<T>): Promise<T> {
  const policy = '/usr/sbin/policy-rc.d'
  if (await Bun.file(policy).exists()) return await work()
  await Bun.write(policy, '#!/bin/sh\nexit 101\n')
  await $`chmod 755 ${policy}`
  try {
    return await work()
  } finally {
    await $`rm -f ${policy}`
  }
}
