import { defaults } from '../defaults.ts'
import { type Draft, has } from '../draft.ts'
import { formatCidr, hostCount, parseCidr, type Range } from '../ipv4.ts'
import { quoted } from '../wording.ts'
import type { Complaint } from '../yaml-file.ts'

type Named = {
  readonly range: Range
  readonly path: readonly string[]
  readonly label: string
  readonly written: boolean
}

/** The ranges of the LANs, of pods and of Services: well-formed, disjoint, large enough; and which LAN is the management one. */
export function* checkNetworks(draft: Draft): Iterable<Complaint> {
  const ranges: Named[] = []
  for (const { name, range } of draft.networks.values()) {
    const path = ['networks', name, 'cidr']
    yield* checkCidr(draft.raw.networks?.[name]?.cidr, path)
    if (!range) continue
    ranges.push({ range, path, label: `network ${quoted(name)}`, written: true })
    if (!isUsable(range))
      yield {
        path,
        message: `${formatCidr(range)} is not a range for a LAN: its addresses have a meaning of their own`,
      }
  }
  yield* checkRoom(draft)
  yield* checkManagement(draft)
  if (draft.isCluster) {
    for (const key of ['podCidr', 'serviceCidr'] as const) {
      const path = ['kubernetes', key]
      const written = draft.raw.kubernetes?.[key]
      yield* checkCidr(written, path)
      // One that is written but not valid has been complained of; the default does not stand in for it.
      if (written === undefined && has(draft.raw.kubernetes, key)) continue
      const range = parseCidr(written ?? defaults.kubernetes[key])?.range
      if (!range) continue
      yield* checkSpan(key, range)
      ranges.push({ range, path, label: `\`${key}\``, written: written !== undefined })
    }
  }
  yield* checkOverlaps(ranges)
}

function* checkCidr(text: string | undefined, path: readonly string[]): Iterable<Complaint> {
  if (text === undefined) return
  const cidr = parseCidr(text)
  if (!cidr) yield { path, message: `${quoted(text)} is not a valid IPv4 range` }
  else if (cidr.hasHostBits) {
    yield { path, message: `${quoted(text)} has host bits set`, hint: `write ${quoted(formatCidr(cidr.range))}` }
  }
}

/** Not `this network`, loopback, multicast or reserved. */
function isUsable({ first, last }: Range): boolean {
  const low = Math.floor(first / 2 ** 24)
  const high = Math.floor(last / 2 ** 24)
  return low > 0 && high < 224 && (high < 127 || low > 127)
}

function* checkRoom(draft: Draft): Iterable<Complaint> {
  const taken = new Map<string, number>()
  for (const node of draft.nodes) {
    for (const network of node.addresses.keys()) taken.set(network, (taken.get(network) ?? 0) + 1)
  }
  for (const { name, range, management } of draft.networks.values()) {
    if (!range) continue
    const room = hostCount(range)
    const nodes = taken.get(name) ?? 0
    const wanted = nodes + (management ? 1 : 0)
    const path = ['networks', name, 'cidr']
    if (room === 0)
      yield {
        path,
        message: `a /${range.prefixLength} has no room for two machines`,
        hint: 'the smallest LAN is a /30',
      }
    else if (wanted > room) {
      const host = management ? ' and the hypervisor' : ''
      const message = `${formatCidr(range)} has room for ${room} addresses, but ${nodes} nodes${host} are on ${quoted(name)}`
      yield { path, message }
    }
  }
}

function* checkManagement(draft: Draft): Iterable<Complaint> {
  const first = draft.management
  for (const { name, management } of draft.networks.values()) {
    if (!management || name === first?.name) continue
    const message = `a second management network; ${quoted(first?.name)} is one already`
    yield { path: ['networks', name, 'management'], mark: 'key', message }
  }
  // With an entry that does not fit the schema this may be the very one that is missing.
  const isCertain = Object.values(draft.raw.networks ?? {}).every(
    (network) => network && (!has(network, 'management') || network.management !== undefined),
  )
  if (first || !isCertain || !draft.nodes.some(({ isVm }) => isVm)) return
  yield {
    path: ['networks'],
    mark: 'key',
    message: 'no network is the management network, on which kedge reaches the VMs',
    hint: 'for example `management: { cidr: 192.168.22.0/24, management: true }`',
  }
}

/** What Kubernetes itself makes of the two ranges. */
function* checkSpan(key: 'podCidr' | 'serviceCidr', { prefixLength }: Range): Iterable<Complaint> {
  const path = ['kubernetes', key]
  if (key === 'podCidr' && prefixLength > 24) {
    yield { path, message: `a /${prefixLength} is too small for pods: every node takes a /24 of it` }
  }
  if (key === 'serviceCidr' && (prefixLength < 12 || prefixLength > 28)) {
    yield { path, message: `a /${prefixLength} cannot hold the Services: Kubernetes takes a /12 to a /28` }
  }
}

/** Sorted by their start, a range overlaps an earlier one exactly if it starts before the furthest end so far. */
function* checkOverlaps(ranges: readonly Named[]): Iterable<Complaint> {
  const order = new Map(ranges.map((named, index) => [named, index]))
  const sorted = [...ranges].sort((a, b) => a.range.first - b.range.first || b.range.last - a.range.last)
  let furthest: Named | undefined
  for (const named of sorted) {
    if (furthest && named.range.first <= furthest.range.last) {
      const [earlier, later] =
        (order.get(named) ?? 0) > (order.get(furthest) ?? 0) ? [furthest, named] : [named, furthest]
      const [at, other] = later.written ? [later, earlier] : [earlier, later]
      const note = other.written ? '' : ', the default'
      yield {
        path: at.path,
        message: `${formatCidr(at.range)} overlaps ${other.label} (${formatCidr(other.range)}${note})`,
      }
    }
    if (!furthest || named.range.last > furthest.range.last) furthest = named
  }
}
