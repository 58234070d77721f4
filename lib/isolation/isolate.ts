import { refused } from '../event/failure.ts'
import type { Host } from '../host/host.ts'
import type { Bounds } from './bounds.ts'
import type { NodeFacts } from './inspect.ts'
import { longestDefault, mark, notes, preferences, voidEnd, voidLink, voidTable } from './isolation-names.ts'
import { restoreNode } from './restore.ts'
import { ruleset } from './ruleset.ts'

/**
 * Takes default routes and name servers from a node, and leads whatever would leave its LANs to where it is seen. Nothing of
 * it outlives a reboot. Throws a TaskError where it cannot be, with the node put back as it was.
 */
export async function isolateNode(host: Host, bounds: Bounds, facts: NodeFacts, namesPort?: number): Promise<void> {
  await restoreNode(host)
  try {
    await noteRoutes(host)
    await divert(host, bounds, facts, namesPort)
    await coverNameServers(host)
    const hole = await wayOut(host)
    if (hole !== undefined) throw refused(`${host.name} cannot be cut off: ${hole}`, 'see there: ip rule show')
  } catch (error) {
    await restoreNode(host)
    throw error
  }
}

/** What still leads out of a node that was cut off; undefined where nothing does. */
export async function wayOut(host: Host): Promise<string | undefined> {
  const { stdout } = await host.$`
    if ! nft list table inet kedge_prove > /dev/null 2>&1; then echo 'its watch is gone: somebody flushed the rules of nft'; fi
    for try in '4 198.51.100.7' '6 2001:db8::7'; do
      read -r family address <<< "$try"
      found=$(LC_ALL=C ip -o -$family route get $address 2> /dev/null | head -n 1) || found=
      case $found in '' | *' dev ${voidLink} '*) ;; *) echo "what leaves its LANs goes elsewhere: $found" ;; esac
    done
    if [ ! /etc/resolv.conf -ef ${notes}/resolv.conf ]; then echo 'its /etc/resolv.conf is another one again'; fi`.quiet()
  const [first] = stdout.split('\n')
  return first === '' ? undefined : first
}

/** Aside first: notes that are there are whole. */
async function noteRoutes(host: Host): Promise<void> {
  await host.$`
    rm -rf ${notes}.new
    mkdir -m 700 ${notes}.new
    cd ${notes}.new
    touch covered made kept routes expiring
    for family in 4 6; do
      ip -o -$family route show table main > all 2> /dev/null || true
      awk -v family=$family -v longest=${longestDefault} '
        $1 == "default" || (split($1, parts, "/") == 2 && parts[2] <= longest) { print family, $0 }' all >> routes
    done
    sed -n 's/ expires \\([0-9]*\\)sec/ expires \\1/p' routes > expiring
    sed -i 's/ expires [0-9]*sec//' routes
    number=0
    while read -r family range _; do
      number=$((number + 1))
      ip -$family route save table main exact $range > saved$family.$number
    done < <(cut -d ' ' -f 1,2 routes | sort -u)
    mv ${notes}.new ${notes}`.quiet()
}

async function divert(host: Host, bounds: Bounds, { client }: NodeFacts, namesPort: number | undefined): Promise<void> {
  const rules = ruleset({ bounds, ...(client ? { client } : {}), ...(namesPort === undefined ? {} : { namesPort }) })
  const way = client ? `${client.address.includes(':') ? 6 : 4} ${client.route}` : ''
  await host.$({ input: rules })`
    cd ${notes}
    nft -f -
    ip link add ${voidLink} type dummy 2> /dev/null || ip link add ${voidLink} type veth peer name ${voidEnd}
    for link in ${voidLink} ${voidEnd}; do
      if ip link show dev $link > /dev/null 2>&1; then ip link set dev $link arp off addrgenmode none up; fi
    done
    way=${way}
    if [ -n "$way" ]; then
      echo "$way" >> kept
      read -r family route <<< "$way"
      ip -$family route add $route 2> /dev/null || : > kept
    fi
    families=4
    if grep -q . /proc/net/if_inet6 2> /dev/null; then
      families='4 6'
      echo 0 > /proc/sys/net/ipv6/conf/${voidLink}/disable_ipv6
    fi
    for family in $families; do ip -$family route add default dev ${voidLink} table ${voidTable}; done
    for range in ${bounds.own}; do ip -4 route add throw $range table ${voidTable}; done
    for family in $families; do
      ip -$family rule add pref ${preferences.seen} fwmark ${mark} unreachable
      ip -$family rule add pref ${preferences.void} lookup ${voidTable}
      ip -$family rule add pref ${preferences.main} lookup main suppress_prefixlength ${longestDefault}
    done
    while read -r family range _; do ip -$family route flush table main exact $range; done < routes`.quiet()
}

/**
 * Other files are laid over those that name servers stand in, so that what lies below comes back untouched. Without a name
 * server programs ask 127.0.0.1, and with `use-vc` they do so over TCP. systemd-resolved goes on, and is not asked.
 */
async function coverNameServers(host: Host): Promise<void> {
  await host.$`
    cd ${notes}
    printf '%s\\n' '# kedge bundle prove: no name server, and whoever asks is heard' 'options use-vc' > resolv.conf
    chmod 644 resolv.conf
    cover() {
      local target
      target=$(readlink -m $1)
      if [ ! -e $target ]; then
        echo $target >> made
        mkdir -p $(dirname $target)
        : > $target
      fi
      if [ $target -ef $2 ]; then return; fi
      echo $target >> covered
      mount --bind $2 $target
    }
    cover /etc/resolv.conf $PWD/resolv.conf
    for file in /run/systemd/resolve/resolv.conf /run/systemd/resolve/stub-resolv.conf; do
      if [ -e $file ]; then cover $file $PWD/resolv.conf; fi
    done
    if grep -Eq '^hosts:.*[[:space:]]resolve([[:space:]]|$)' /etc/nsswitch.conf 2> /dev/null; then
      sed -E '/^hosts:/ { s/[[:space:]]resolve([[:space:]]*\\[[^]]*\\])?([[:space:]]|$)/ /; /[[:space:]]dns/! s/$/ dns/ }' \\
        /etc/nsswitch.conf > nsswitch.conf
      chmod 644 nsswitch.conf
      cover /etc/nsswitch.conf $PWD/nsswitch.conf
    fi`.quiet()
}
