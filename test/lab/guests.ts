import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { labFilePath } from './ground.ts'
import type { Lab } from './lab.ts'
import { inside } from './namespace.ts'
import { $ } from './shell.ts'

export type GuestNode = {
  readonly name: string
  readonly role: 'control-plane' | 'worker' | 'edge'
  /** Address by network. */
  readonly networks: Readonly<Record<string, string>>
}

export type LabContent = {
  readonly lab: string
  readonly cidrs: Readonly<Record<string, string>>
  readonly nodes: readonly GuestNode[]
}

/** What the lab file says, read without any of kedge's code. */
export async function labContent(lab: Lab): Promise<LabContent> {
  const file = parse(await readFile(labFilePath(lab), 'utf8'))
  const cidrs = Object.entries<{ cidr: string }>(file.networks).map(([name, { cidr }]) => [name, cidr] as const)
  const nodes = Object.entries<Omit<GuestNode, 'name'>>(file.nodes).map(([name, node]) => ({
    name,
    role: node.role,
    networks: node.networks,
  }))
  return { lab: file.lab, cidrs: Object.fromEntries(cidrs), nodes }
}

/** OpenSSH's own words for a command on a node (or a shell), with the lab's key and the host key that kedge gave the VM. */
export async function sshCommand(lab: Lab, name: string, remote: readonly string[]): Promise<string[]> {
  const { lab: labName, nodes } = await labContent(lab)
  const node = nodes.find((candidate) => candidate.name === name)
  if (!node) throw new Error(`no node ${name}; there are ${nodes.map((candidate) => candidate.name).join(', ')}`)
  const keys = join(lab.folder, '.kedge', labName, 'keys')
  const address = node.networks.management ?? ''
  const knownHosts = join(lab.folder, `known_hosts.${name}`)
  const hostKey = join(keys, `${name}.host`)
  if (!existsSync(hostKey)) throw new Error(`kedge has made no VM ${name} yet`)
  await writeFile(knownHosts, `${address} ${(await $`ssh-keygen -y -f ${hostKey}`).stdout}`)
  const options = [
    `UserKnownHostsFile=${knownHosts}`,
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
    'ConnectTimeout=30',
    'LogLevel=ERROR',
    // A post-quantum key exchange takes a second on an emulated processor.
    'KexAlgorithms=curve25519-sha256',
  ]
  return [
    'ssh',
    '-F',
    '/dev/null',
    '-i',
    join(keys, 'lab'),
    ...options.flatMap((option) => ['-o', option]),
    `root@${address}`,
    '--',
    ...remote,
  ]
}

/** Runs a script on a node, without kedge. Ends with the script's exit code; 255 is ssh's own. */
export async function onGuest(lab: Lab, node: string, script: string): Promise<{ code: number; output: string }> {
  const command = inside(lab.name, await sshCommand(lab, node, ['bash', '-s']))
  const result = await $({ input: script })`timeout 120 ${command} 2>&1`.nothrow()
  return { code: result.exitCode ?? 255, output: result.stdout }
}
