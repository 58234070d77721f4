import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '../../lib/host/keys.ts'
import { type Result, resultOf } from '../build/binary.ts'
import { sshdPath } from '../host/sshd.ts'
import { createNamespace, inside, removeNamespace, shellInside } from '../lab/namespace.ts'
import { $ } from '../lab/shell.ts'

/**
 * A machine for kedge to cut off, and a pod behind it: network namespaces joined by cables, an sshd, and a /run and /etc of
 * the machine's own, so that nothing of the real one is touched. kedge runs where the LAN's other end is.
 */
export type CutOffLab = {
  readonly folder: string
  /** Runs a script on the machine, as a person at its console would. */
  on(script: string): Promise<string>
  /** Writes the lab file; `tasks` as in the file, indented by two. */
  config(tasks: string): void
  kedge(...words: string[]): Promise<Result>
  start(...words: string[]): Started
  remove(): Promise<void>
}

export type Started = { readonly pid: number; readonly ended: Promise<Result> }

/** Needs root, an sshd, and what a node needs to be watched. */
export const canCutOff =
  process.getuid?.() === 0 && sshdPath !== undefined && ['nft', 'ip', 'ss'].every((tool) => Bun.which(tool) !== null)

const source = join(import.meta.dir, '../../lib/cli/main.ts')

export type CutOffOptions = {
  /** Further lines of sshd_config. */
  readonly sshd?: readonly string[]
  /** kedge comes from beyond the machine's router instead of its LAN. */
  readonly overRouter?: boolean
  /** What /etc/resolv.conf is before; a link to systemd-resolved's stub where nothing is said. */
  readonly prepare?: string
}

/** `name` is for the namespaces: at most 10 characters. */
export async function cutOffLab(name: string, options: CutOffOptions = {}): Promise<CutOffLab> {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-cut-off-'))
  const [outside, node, pod] = [`${name}-out`, `${name}-node`, `${name}-pod`]
  const running = new Set<Bun.Subprocess>()
  const remove = async () => {
    for (const child of running) child.kill('SIGKILL')
    for (const space of [pod, node, outside]) await removeNamespace(space)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const space of [outside, node, pod]) {
      await removeNamespace(space)
      await createNamespace(space)
    }
    const address = options.overRouter ? '192.0.2.9' : '192.168.71.1'
    await shellInside(outside)`
      ip link add lan0 type veth peer name lan0 netns ${node}
      ip address add 192.168.71.1/24 dev lan0
      ip address add 192.0.2.9/32 dev lo
      ip -6 address add fd00:71::1/64 dev lan0 nodad
      ip link set lan0 up`
    await shellInside(node)`
      ip address add 192.168.71.2/24 dev lan0
      ip -6 address add fd00:71::2/64 dev lan0 nodad
      ip link set lan0 up
      ip route add default via 192.168.71.1 proto dhcp metric 100
      ip route add default via 192.168.71.9 metric 200
      ip -6 route add default via fd00:71::1 dev lan0 metric 1024
      ip link add pod0 type veth peer name eth0 netns ${pod}
      ip address add 10.244.7.1/24 dev pod0
      ip link set pod0 up`
    await shellInside(pod)`
      ip address add 10.244.7.5/24 dev eth0
      ip link set eth0 up
      ip route add default via 10.244.7.1`
    const machine = await startMachine(folder, node, pod, options)
    const home = join(folder, 'home')
    mkdirSync(join(home, '.ssh'), { recursive: true })
    writeFileSync(join(home, '.ssh/known_hosts'), `192.168.71.2 ${machine.hostKeyLine}\n`)
    // Where kedge's own connection comes from is what the way there says.
    if (options.overRouter) await shellInside(outside)`ip route replace 192.168.71.2/32 dev lan0 src ${address}`
    const start = (...words: string[]): Started => {
      const child = Bun.spawn(inside(outside, [process.execPath, source, ...words]), {
        cwd: folder,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      running.add(child)
      const ended = (async () => {
        const result = await resultOf(child)
        running.delete(child)
        return result
      })()
      return { pid: child.pid, ended }
    }
    return {
      folder,
      on: async (script) =>
        (await $`nsenter --target ${machine.pid} --net --mount -- /bin/bash -c ${script} 2>&1`.nothrow()).stdout,
      config(tasks) {
        const ssh = `{ host: 192.168.71.2, user: root, key: ${join(folder, 'user')} }`
        const file = `version: 1\nlab: cut-off\nextends: none\nnodes:\n  pi: { role: edge, ssh: ${ssh} }\ntasks:\n${tasks}`
        writeFileSync(join(folder, 'kedge.config.yaml'), file)
      },
      start,
      kedge: (...words) => start(...words).ended,
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function startMachine(folder: string, node: string, pod: string, { sshd = [], prepare }: CutOffOptions) {
  const hostPair = generateKeyPair('host')
  const userPair = generateKeyPair('user')
  writeFileSync(join(folder, 'host'), hostPair.privateKey, { mode: 0o600 })
  writeFileSync(join(folder, 'user'), userPair.privateKey, { mode: 0o600 })
  writeFileSync(join(folder, 'authorized'), `${userPair.publicLine}\n`)
  const log = join(folder, 'sshd.log')
  const lines = [
    'ListenAddress 192.168.71.2:22',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized')}`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'SetEnv SHLVL=2',
    ...sshd,
  ]
  writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`)
  for (const part of ['etc', 'layers']) mkdirSync(join(folder, part))
  const boot = `
    mount --make-rprivate /
    mount -t tmpfs tmpfs ${folder}/layers
    mkdir ${folder}/layers/upper ${folder}/layers/work
    mount -t overlay overlay -o lowerdir=/etc,upperdir=${folder}/layers/upper,workdir=${folder}/layers/work /etc
    exec 3< /run/netns/${pod}
    mount -t tmpfs tmpfs /run
    mkdir -p /run/sshd /run/netns /run/systemd/resolve
    touch /run/netns/pod
    mount --bind /proc/self/fd/3 /run/netns/pod
    exec 3<&-
    ${prepare ?? stub}
    echo $$ > ${folder}/pid
    exec ${sshdPath} -D -f ${folder}/config -E ${log}`
  const words = inside(node, ['unshare', '--mount', '/bin/bash', '-euc', boot])
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const isUp = async () => (await shellInside(node)`ss -tlnH sport = :22`).stdout !== ''
  while (!(await isUp())) {
    if (child.exitCode !== null) throw new Error(`the machine does not start: ${said} ${readLog(log)}`)
    await Bun.sleep(20)
  }
  return { pid: readFileSync(join(folder, 'pid'), 'utf8').trim(), hostKeyLine: hostPair.publicLine }
}

/** As on a machine with systemd-resolved. */
const stub = `
    printf 'nameserver 127.0.0.53\\noptions edns0\\nsearch lan.example\\n' > /run/systemd/resolve/stub-resolv.conf
    printf 'nameserver 192.168.71.1\\n' > /run/systemd/resolve/resolv.conf
    rm -f /etc/resolv.conf
    ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
    printf 'passwd: files\\nhosts: files mymachines resolve [!UNAVAIL=return] myhostname\\n' > /etc/nsswitch.conf`

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
