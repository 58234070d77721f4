import type { Bounds } from './bounds.ts'
import { mark, targetsPerNode, voidLink } from './isolation-names.ts'

/** A connection is tried again after 1, 3, 7, 15 and 31 s. */
const heldPackets = 5

/** Where kedge itself comes from, as the node sees it; `port` is sshd's. */
export type Client = { readonly address: string; readonly port: number }

export type RulesetOptions = {
  readonly bounds: Bounds
  /** Set where the way to it had to be kept although it leads out of the LANs. */
  readonly client?: Client
  /** Of 127.0.0.1 on the node: who asks for names there is heard; without it that somebody asks is counted. */
  readonly namesPort?: number
}

/**
 * What nft is given. `v4` and `v6` hold each target that was tried: source, address, protocol, port, and how many packets.
 * What a program is told is what it would be told without any route, ENETUNREACH. TCP is told that when it tries again after
 * the watch has looked for its process and put it into `looked4` or `looked6`: mostly a second later.
 */
export function ruleset({ bounds, client, namesPort }: RulesetOptions): string {
  const family = client?.address.includes(':') ? 'ip6' : 'ip'
  const kept = client
    ? [
        `${family} daddr ${client.address} tcp sport ${client.port} return`,
        `${family} daddr ${client.address} goto refuse`,
      ]
    : []
  const toNameServer = `oifname != { "lo", "${voidLink}" } meta l4proto { tcp, udp } th dport 53 jump asked`
  return `table inet kedge_prove {
  set v4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic; size ${targetsPerNode}; }
  set v6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic; size ${targetsPerNode}; }
  set held4 { type ipv4_addr . inet_service . inet_service; flags dynamic,timeout; timeout 60s; size 65535; }
  set held6 { type ipv6_addr . inet_service . inet_service; flags dynamic,timeout; timeout 60s; size 65535; }
  set looked4 { type ipv4_addr . inet_service . inet_service; flags timeout; timeout 60s; }
  set looked6 { type ipv6_addr . inet_service . inet_service; flags timeout; timeout 60s; }
  chain keep {
    meta nfproto ipv4 meta l4proto { tcp, udp, sctp } add @v4 { ip saddr . ip daddr . meta l4proto . th dport counter } return
    meta nfproto ipv6 meta l4proto { tcp, udp, sctp } add @v6 { ip6 saddr . ip6 daddr . meta l4proto . th dport counter } return
    meta nfproto ipv4 add @v4 { ip saddr . ip daddr . meta l4proto . 0 counter }
    meta nfproto ipv6 add @v6 { ip6 saddr . ip6 daddr . meta l4proto . 0 counter }
  }
  chain hold {
    ip daddr . tcp dport . tcp sport @looked4 reject with icmpx type no-route
    ip6 daddr . tcp dport . tcp sport @looked6 reject with icmpx type no-route
    # After 31 s at the latest: a watch that has ended holds nobody.
    meta nfproto ipv4 add @held4 { ip daddr . tcp dport . tcp sport limit rate over 1/hour burst ${heldPackets} packets } reject with icmpx type no-route
    meta nfproto ipv6 add @held6 { ip6 daddr . tcp dport . tcp sport limit rate over 1/hour burst ${heldPackets} packets } reject with icmpx type no-route
    drop
  }
  chain leaves {
    ip daddr { 224.0.0.0/4, 255.255.255.255, 169.254.0.0/16 } return
    ip6 daddr { fe80::/10, ff00::/8 } return
    jump keep
    meta l4proto tcp goto hold
  }
  # A name server in the LAN is one as well, and a node without any asks none.
  chain asked {
    ${bounds.mayBeAsked.map((range) => `ip daddr ${range} return`).join('\n    ')}
    jump keep
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain refuse {
    jump keep
    meta l4proto tcp goto hold
    reject with icmpx type no-route
  }
  chain output {
    type route hook output priority 10
    ${kept.join('\n    ')}
    oifname "${voidLink}" jump leaves
    oifname "${voidLink}" meta mark set ${mark}
    oifname "lo" udp dport 53 ip daddr 127.0.0.0/8 jump keep
    oifname "lo" udp dport 53 ip6 daddr ::1 jump keep
    ${toNameServer}
  }
  chain forward {
    type filter hook forward priority 10
    oifname "${voidLink}" jump leaves
    oifname "${voidLink}" reject with icmpx type no-route
    ${toNameServer}
  }
}
table ip kedge_prove_names {
  chain output {
    type nat hook output priority -100
    ip daddr 127.0.0.1 tcp dport 53 counter redirect to :${namesPort ?? 53}
  }
}
`
}
