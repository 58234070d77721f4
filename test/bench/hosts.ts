import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtBinary, type Result, resultOf } from '../build/binary.ts'
import { nodeOn, sshLab } from '../faults/ssh-lab.ts'
import { type Sshd, startSshd } from '../host/sshd.ts'
import { bench } from './bench.ts'
import { debianPrograms } from './debian-programs.ts'
import { interleave, type Way } from './interleave.ts'
import { compare, type Row, skip } from './row.ts'

/**
 * One command on 50 hosts, each an sshd of its own on this machine: `bun test/bench/hosts.ts [HOSTS [ROUNDS]]`. Every way starts as
 * a new process and opens every connection anew, but Ansible keeps its own, as it does by default. All come in with the same key,
 * check the same host keys, and may speak to all hosts at once.
 */
const command = 'hostname'

const packages = {
  ansible: { package: 'ansible-core', version: ['ansible', '--version'] },
  pdsh: { package: 'pdsh', version: ['pdsh', '-V'] },
  clush: { package: 'clustershell', version: ['clush', '--version'] },
} as const

export async function hostRows(count: number, rounds: number): Promise<readonly Row[]> {
  const what = `one command on ${count} hosts`
  const goal = { atMost: 1 }
  const missing = (against: string, why: string) => skip(what, against, why)
  if (process.getuid?.() !== 0)
    return Object.keys(packages).map((name) => missing(name, 'it installs its peers and logs in as root: needs root'))
  const peers = await debianPrograms(packages)
  const sshds = await Promise.all(Array.from({ length: count }, () => startSshd()))
  const lab = sshLab(sshds, [process.env.KEDGE_BENCH_KEDGE ?? builtBinary()])
  try {
    const names = sshds.map((_, index) => `host-${index + 1}`)
    lab.config(
      Object.fromEntries(sshds.map((sshd, index) => [names[index], nodeOn(sshd)])),
      `  hello: { on: nodes, sh: ${command} }\n`,
    )
    const settings = clientSettings(lab.folder, lab.knownHosts, names, sshds)
    const commands = peerCommands(settings, names)
    const ways: Record<string, Way> = {
      kedge: async () => mustReachAll(count, await lab.kedge('run', 'hello', '--verbose')),
    }
    for (const [name, words] of Object.entries(commands)) {
      const program = words[0] as keyof typeof packages
      if (peers[program].isThere) ways[name] = async () => mustReachAll(count, await run(words, lab.folder))
    }
    const seconds = await interleave(ways, { rounds })
    return Object.entries(commands).map(([name, [program]]) => {
      const peer = peers[program as keyof typeof packages]
      if (!peer.isThere) return missing(name, peer.why)
      const theirs = seconds[name] ?? []
      return compare({ what, against: `${name} (${peer.version})`, ours: seconds.kedge ?? [], theirs, goal })
    })
  } finally {
    lab.remove()
    await Promise.all(sshds.map((sshd) => sshd.stop()))
  }
}

type Settings = { readonly ssh: string; readonly inventory: string; readonly ansible: string }

/** The same hosts by the same names for OpenSSH's client, which all three peers call, and as an inventory. */
function clientSettings(
  folder: string,
  knownHosts: string,
  names: readonly string[],
  sshds: readonly Sshd[],
): Settings {
  const [ssh, inventory, ansible] = ['ssh_config', 'inventory', 'ansible.cfg'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(join(folder, 'sockets'))
  const hosts = sshds.map(({ port, keyPath, target }, index) =>
    [`Host ${names[index]}`, `Port ${port}`, `IdentityFile ${keyPath}`, `User ${target().user}`].join('\n  '),
  )
  const common = ['Host *', 'HostName 127.0.0.1', `UserKnownHostsFile ${knownHosts}`, 'BatchMode yes', 'LogLevel ERROR']
  writeFileSync(ssh, `${[...hosts, common.join('\n  ')].join('\n')}\n`)
  writeFileSync(inventory, `${names.join('\n')}\n`)
  const config = [
    '[defaults]',
    'forks = 100',
    'interpreter_python = /usr/bin/python3',
    '[ssh_connection]',
    'pipelining = True',
    `ssh_args = -F ${ssh} -o ControlMaster=auto -o ControlPersist=60s`,
    `control_path_dir = ${join(folder, 'sockets')}`,
  ]
  writeFileSync(ansible, `${config.join('\n')}\n`)
  return { ssh, inventory, ansible }
}

const peerCommands = ({ ssh, inventory }: Settings, names: readonly string[]): Record<string, string[]> => ({
  'ansible -m raw': ['ansible', 'all', '-i', inventory, '-m', 'raw', '-a', command],
  'ansible -m command': ['ansible', 'all', '-i', inventory, '-m', 'command', '-a', command],
  pdsh: ['pdsh', '-R', 'ssh', '-f', '100', '-w', names.join(','), command],
  clush: ['clush', '-f', '100', '-o', `-F ${ssh}`, '-w', names.join(','), command],
})

async function run(words: readonly string[], folder: string): Promise<Result> {
  const child = Bun.spawn([...words], {
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: join(folder, 'home'),
      ANSIBLE_CONFIG: join(folder, 'ansible.cfg'),
      PDSH_SSH_ARGS_APPEND: `-F ${join(folder, 'ssh_config')}`,
    },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  return await resultOf(child)
}

/** Who leaves hosts out is not faster. */
function mustReachAll(count: number, { exitCode, stdout, stderr }: Result): void {
  const seen = new Set(`${stdout}${stderr}`.match(/\bhost-\d+/g))
  if (exitCode === 0 && seen.size >= count) return
  throw new Error(`exit code ${exitCode}, ${seen.size} of ${count} hosts:\n${stderr.slice(-2000)}`)
}

if (import.meta.main) await bench(([hosts = '50', rounds = '5']) => hostRows(Number(hosts), Number(rounds)))
