import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import type { Bounds } from './bounds.ts'
import { longestDefault } from './isolation-names.ts'
import { type Client, ruleset } from './ruleset.ts'

/** What must be known of a node before it is cut off. */
export type NodeFacts = {
  /** Set where kedge comes from beyond the LANs: `route` is the way that has to stay, as `ip route add` takes it. */
  readonly client?: Client & { readonly route: string }
}

/** Only looks. Throws a TaskError (refused) that names what is missing and what cures it. */
export async function inspectNode(host: Host, bounds: Bounds): Promise<NodeFacts> {
  const { name } = host
  const { stdout: tools } =
    await host.$`for tool in ip nft ss mount umount awk sed; do [ -x "$(command -v $tool)" ] || echo $tool; done`.quiet()
  const missing = tools.split('\n').filter((tool) => tool !== '')
  if (missing.length > 0) {
    throw refused(
      `${name} cannot be watched: there is no ${missing.join(', no ')} on it`,
      `install there the packages ${[...new Set(missing.map((tool) => packages[tool] ?? tool))].join(', ')}`,
    )
  }
  const rules = await host.$({ input: ruleset({ bounds, namesPort: 1 }) })`LC_ALL=C nft -c -f -`.nothrow().quiet()
  if (rules.exitCode !== 0) {
    throw refused(
      `${name} cannot be watched: its nft or its kernel does not take the rules: ${firstLine(rules.stderr)}`,
      'it takes a kernel with nf_tables and nft 0.9.3 or newer',
    )
  }
  const { stdout: ways } = await host.$`LC_ALL=C ip -4 rule show`.nothrow().quiet()
  if (!/^32766:.*lookup main/m.test(ways)) {
    throw refused(`${name} cannot be cut off: its routing rules are not the kernel's own`, 'see there: ip rule show')
  }
  return await clientOf(host)
}

const packages: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  ss: 'iproute2',
  nft: 'nftables',
  mount: 'mount',
  umount: 'mount',
  awk: 'mawk',
}

const firstLine = (text: string) => text.trim().split('\n')[0] ?? ''

/** sshd tells the shell that it starts where the connection came from; sudo forgets it, its parent does not. */
async function clientOf(host: Host): Promise<NodeFacts> {
  const { stdout } = await host.$`
    pid=$$
    while [ "$pid" -gt 1 ]; do
      found=$(tr '\\0' '\\n' < /proc/$pid/environ 2> /dev/null | sed -n 's/^SSH_CONNECTION=//p') || found=
      if [ -n "$found" ]; then break; fi
      pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)
    done
    read -r address _ _ port <<< "$found" || exit 0
    echo "$address $port"
    case $address in *%*) exit 0 ;; *:*) family=6 ;; *) family=4 ;; esac
    LC_ALL=C ip -$family route get fibmatch $address | head -n 1
    LC_ALL=C ip -$family route get $address | head -n 1`
    .nothrow()
    .quiet()
  const [connection = '', matched = '', way = ''] = stdout.split('\n')
  const [address = '', port = ''] = connection.split(' ')
  if (address === '') {
    throw refused(
      `${host.name} cannot be cut off: where kedge comes from cannot be told there, so it might lose its own way`,
      'sshd sets SSH_CONNECTION; see that nothing takes it away',
    )
  }
  const prefix = /^(?:default|\S+\/(\d+)) /.exec(matched)
  const isDefault = prefix !== null && Number(prefix[1] ?? 0) <= longestDefault
  if (!isDefault) return {}
  const [, leads = ''] = /((?:via \S+ )?dev \S+)/.exec(way) ?? []
  const length = address.includes(':') ? 128 : 32
  return { client: { address, port: Number(port), route: `${address}/${length} ${leads}` } }
}
