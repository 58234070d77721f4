import { spawn } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endProcesses, inside, processesIn } from './namespace.ts'
import { $ } from './shell.ts'

export type Libvirtd = {
  /** Names the network namespace, which must exist. */
  readonly namespace: string
  /** Sockets, state and logs; made by start, removed by stop. Absolute and short: a socket's path has 107 characters. */
  readonly folder: string
}

/** The connection URI; it works from inside and from outside the namespace. */
export const libvirtUri = ({ folder }: Libvirtd): string => `qemu:///system?socket=${socketOf(folder)}`

const socketOf = (folder: string) => join(folder, 'run/libvirt/libvirt-sock')

/**
 * Starts virtlogd and libvirtd for this lab alone, and returns once libvirtd answers; a system libvirtd is neither used nor
 * disturbed. Storage under /var/lib/libvirt/qemu or /dnsmasq is out of reach for it, everything else is as outside.
 * @throws with libvirtd's own log when it does not answer within 60 s
 */
export async function startLibvirtd(libvirtd: Libvirtd, options: { hideKvm: boolean }): Promise<string> {
  const { namespace, folder } = libvirtd
  const uri = libvirtUri(libvirtd)
  if (socketOf(folder).length > 107) throw new Error(`${folder} is too long a path for a socket in it`)
  if (await answers(uri)) return uri
  await stopLibvirtd(libvirtd)

  const configuration = join(folder, 'etc/libvirt')
  await mkdir(configuration, { recursive: true })
  await writeFile(join(configuration, 'libvirtd.conf'), 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n')
  await writeFile(join(configuration, 'virtlogd.conf'), 'max_size = 16777216\nmax_backups = 1\n')
  // With namespaces of its own for each VM, libvirt would have to move the mount over /dev/kvm into them, and cannot.
  // A security driver would confine qemu to paths it knows of; the lab's are not among them.
  await writeFile(join(configuration, 'qemu.conf'), 'namespaces = []\nsecurity_driver = "none"\n')

  const log = openSync(join(folder, 'libvirtd.log'), 'a')
  const script = join(import.meta.dir, 'libvirtd.sh')
  const command = ['unshare', '--mount', '--', 'sh', script, folder, options.hideKvm ? 'hide-kvm' : 'show-kvm']
  const [program = '', ...rest] = inside(namespace, command)
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', log, log], cwd: '/' })
  child.unref()
  for (let round = 0; round < 300; round++) {
    if (await answers(uri)) return uri
    if (child.exitCode !== null) break
    await Bun.sleep(200)
  }
  const said = await readFile(join(folder, 'libvirtd.log'), 'utf8')
  throw new Error(`libvirtd does not answer at ${uri}:\n${said.split('\n').slice(-20).join('\n')}`)
}

const answers = async (uri: string): Promise<boolean> => {
  if (!existsSync(new URL(uri).searchParams.get('socket') ?? '')) return false
  return (await $`timeout 10 virsh -q -c ${uri} uri`.nothrow()).exitCode === 0
}

/**
 * Ends libvirtd, virtlogd and the qemu and dnsmasq processes that they started, and removes the folder. Works from what is
 * on disk, so also after a crash, and twice in a row.
 */
export async function stopLibvirtd({ namespace, folder }: Libvirtd): Promise<void> {
  const programs = /^(tini|libvirtd|virtlogd|dnsmasq|qemu-system-.*)$/
  const remaining = async () => {
    const pids = await processesIn(namespace)
    const named = await Promise.all(pids.map(async (pid) => ((await programOf(pid)).match(programs) ? [pid] : [])))
    return named.flat()
  }
  await endProcesses(remaining)
  await rm(folder, { recursive: true, force: true })
}

/** File name of what a process runs: its `comm` is cut at 15 characters, and threads rename it. */
async function programOf(pid: number): Promise<string> {
  const argv = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return argv.split('\0')[0]?.split('/').at(-1) ?? ''
}
