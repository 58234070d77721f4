import type { Host } from '../host/host.ts'
import { longestDefault, notes, preferences, voidEnd, voidLink, voidTable } from './isolation-names.ts'

/**
 * Puts back what `isolateNode` changed, also half of it, also twice; a node that is not cut off is left as it is. Routes that
 * came back by themselves meanwhile are kept. Resolves to undefined where there was nothing to put back.
 */
export async function restoreNode(host: Host): Promise<Restored | undefined> {
  const { stdout } = await host.$`
    cd ${notes} 2> /dev/null || exit 0
    while read -r file; do
      for copy in $PWD/resolv.conf $PWD/nsswitch.conf; do
        while [ -e $copy ] && [ "$file" -ef $copy ]; do umount "$file" || umount -l "$file"; done
      done
    done < covered
    while read -r file; do if [ ! -s "$file" ]; then rm -f "$file"; fi; done < made
    quietly() { "$@" 2> /dev/null || true; }
    for family in 4 6; do
      quietly ip -$family rule del pref ${preferences.seen}
      quietly ip -$family rule del pref ${preferences.main} lookup main suppress_prefixlength ${longestDefault}
      quietly ip -$family rule del pref ${preferences.void} lookup ${voidTable}
      quietly ip -$family route flush table ${voidTable}
    done
    for link in ${voidLink} ${voidEnd}; do quietly ip link del $link; done
    for routes in saved4.* saved6.*; do
      if [ ! -s $routes ]; then continue; fi
      family=\${routes#saved}
      quietly ip -\${family%%.*} route restore < $routes
    done
    while read -r family route; do quietly ip -$family route replace $route; done < expiring
    while read -r family route; do quietly ip -$family route del $route; done < kept
    for table in 'inet kedge_prove' 'ip kedge_prove_names'; do quietly nft delete table $table; done
    for family in 4 6; do quietly ip -o -$family route show table main | sed "s/^/$family /; s/ expires [0-9]*sec//" >> now; done
    while read -r line; do if ! grep -qxF "$line " now && ! grep -qxF "$line" now; then echo "lost $line"; fi; done < routes
    echo restored
    cd / && rm -rf ${notes}`.quiet()
  const lines = stdout.split('\n')
  if (!lines.includes('restored')) return undefined
  return { lost: lines.filter((line) => line.startsWith('lost ')).map((line) => line.slice('lost 4 '.length)) }
}

/** `lost` are default routes that could not be put back, as `ip route` writes them. */
export type Restored = { readonly lost: readonly string[] }
