import { join } from 'node:path'
import type { NamedSecret } from '../secrets/find-secrets.ts'
import { clusterSecrets, keySecrets } from '../secrets/lab-secrets.ts'
import { keysOnNode, type OnNode, scanNode } from '../secrets/scan-node.ts'
import { type Shown, secretsShown } from '../secrets/watch-processes.ts'
import { labContent, onGuest } from './guests.ts'
import type { Lab } from './lab.ts'
import { type Found, isAtHome } from './secret-homes.ts'
import { $ } from './shell.ts'

export type LabSecrets = {
  readonly secrets: readonly NamedSecret[]
  /** Files and journals in which one of them is and does not belong. */
  readonly astray: readonly Found[]
  readonly looked: readonly string[]
}

/** What a node says on its standard output; what programs say beside that is no answer. */
const answersOf = (lab: Lab): OnNode => {
  return async (node, script) => (await onGuest(lab, node, `exec 2>/dev/null\n${script}`)).output
}

/** Every secret that a lab has made by now, on this machine, in the cluster, on each node. */
export async function secretsOf(lab: Lab): Promise<readonly NamedSecret[]> {
  const { lab: name, nodes } = await labContent(lab)
  const on = answersOf(lab)
  const master = nodes.find(({ role }) => role === 'control-plane')?.name ?? ''
  const kubectl = (...words: readonly string[]) =>
    on(master, `kubectl --kubeconfig=/etc/kubernetes/admin.conf ${words.join(' ')}`)
  const [inCluster, ...onNodes] = await Promise.all([
    clusterSecrets(kubectl),
    ...nodes.map((node) => keysOnNode(on, node.name)),
  ])
  return [...keySecrets(join(lab.folder, '.kedge', name)), ...inCluster, ...onNodes.flat()]
}

/**
 * Looks for each of them on every node and on this machine, in all that was touched since the lab was begun. The nodes' disks
 * are looked into on the nodes.
 */
export async function findAstray(lab: Lab, secrets: readonly NamedSecret[], since: number): Promise<LabSecrets> {
  const { nodes } = await labContent(lab)
  const here: OnNode = async (_, script) => (await $({ input: script })`bash -s 2>/dev/null`.nothrow()).stdout
  const below = [lab.folder, '/tmp', '/var/tmp', '/var/log']
  const found = await Promise.all([
    ...nodes.map(({ name }) => scanNode(answersOf(lab), name, secrets, { since })),
    scanNode(here, 'hypervisor', secrets, { since, below }),
  ])
  const disk = new RegExp(`^${lab.folder}/storage/[^/]+/[^/]+\\.qcow2$`)
  return {
    secrets,
    looked: found.flatMap((finds) => (finds[0] ? [finds[0].node] : [])),
    astray: found.flat().filter((find) => !(find.node === 'hypervisor' && disk.test(find.file)) && !isAtHome(find)),
  }
}

/** What processes showed of the secrets, but for the token that an edge's own `keadm join` takes as an argument; where that was seen. */
export function shownAstray(secrets: readonly NamedSecret[], shown: readonly Shown[]) {
  const isJoin = ({ what, text }: Shown) => what === 'cmdline' && /(^|[/\0])keadm\0join\0/.test(text)
  const tokens = secrets.filter(({ name }) => name.startsWith('secret tokensecret'))
  const others = secrets.filter((secret) => !tokens.includes(secret))
  const joins = shown.filter(isJoin)
  return {
    astray: [
      ...secretsShown(
        secrets,
        shown.filter((each) => !isJoin(each)),
      ),
      ...secretsShown(others, joins),
    ],
    joins: [...new Set(secretsShown(tokens, joins).map(({ group }) => group))].sort(),
  }
}
