import type { Draft, NodeDraft } from '../draft.ts'
import { contains, formatAddress, formatCidr, type Range } from '../ipv4.ts'
import { didYouMean, quoted } from '../wording.ts'
import type { Complaint } from '../yaml-file.ts'

/** Every address of a node: in its network, free to be used, used once. */
export function* checkAddresses(draft: Draft): Iterable<Complaint> {
  const owners = new Map<string, string>()
  for (const node of draft.nodes) {
    for (const [name, address] of node.addresses) {
      const path = ['nodes', node.name, 'networks', name]
      const network = draft.networks.get(name)
      if (!network) {
        const hint = didYouMean(name, draft.networks.keys()) ?? listed(draft)
        yield { path, mark: 'key', message: `there is no network ${quoted(name)}`, hint }
        continue
      }
      const written = node.raw.networks?.[name]
      if (address === undefined) {
        if (written !== undefined) yield { path, message: `${quoted(written)} is not a valid IPv4 address` }
        continue
      }
      if (network.range) yield* checkPlace(address, network.range, network.management, name, path)
      const key = `${name}\0${address}`
      const owner = owners.get(key)
      if (owner === undefined) owners.set(key, node.name)
      else yield { path, message: `${formatAddress(address)} is the address of ${quoted(owner)} already` }
    }
    yield* checkReach(node, draft)
  }
}

const listed = (draft: Draft): string => {
  const names = [...draft.networks.keys()]
  return names.length === 0
    ? 'the file has no `networks`'
    : `networks: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`
}

const span = (first: number, last: number): string =>
  first < last ? `${formatAddress(first)} to ${formatAddress(last)}` : formatAddress(last)

function* checkPlace(
  address: number,
  range: Range,
  management: boolean,
  name: string,
  path: readonly string[],
): Iterable<Complaint> {
  const text = formatAddress(address)
  const hosts = span(range.first + (management ? 2 : 1), range.last - 1)
  if (!contains(range, address)) {
    yield {
      path,
      message: `${text} is outside ${quoted(name)} (${formatCidr(range)})`,
      hint: `machines in it can have ${hosts}`,
    }
  } else if (range.prefixLength > 30) {
    // The range itself has been complained of.
  } else if (address === range.first) {
    yield {
      path,
      message: `${text} is the network address of ${formatCidr(range)}`,
      hint: `machines can have ${hosts}`,
    }
  } else if (address === range.last) {
    yield {
      path,
      message: `${text} is the broadcast address of ${formatCidr(range)}`,
      hint: `machines can have ${hosts}`,
    }
  } else if (management && address === range.first + 1) {
    yield {
      path,
      message: `${text} is the hypervisor's own address on ${quoted(name)}`,
      hint: `machines can have ${hosts}`,
    }
  }
}

/** kedge has no other way to a VM than the management network. */
function* checkReach(node: NodeDraft, { management }: Draft): Iterable<Complaint> {
  if (!node.isVm || !management || !node.hasSoundNetworks || node.addresses.has(management.name)) return
  const example =
    management.range && `, ${formatAddress(management.range.first + 2)} or another of ${formatCidr(management.range)}`
  yield {
    path: ['nodes', node.name, 'networks'],
    mark: 'key',
    message: `the VM ${quoted(node.name)} is not on the management network ${quoted(management.name)}, so kedge cannot reach it`,
    hint: `give it an address there${example ?? ''}`,
  }
}
