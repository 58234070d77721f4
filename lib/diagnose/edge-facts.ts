import type { TaskContext } from '../task/task.ts'

/** What an edge says of itself, in one round trip. */
export type EdgeFacts = {
  /** `dev ens4 src 192.168.24.2`; what `ip` says instead where there is no way. */
  readonly route: { readonly found: boolean; readonly text: string }
  readonly machineId: string
  /** Names in /etc/kubeedge. */
  readonly leftovers: readonly string[]
  /** The three files that a successful join leaves. */
  readonly hasCertificates: boolean
  /** edgecore's cgroup driver; empty where there is no edgecore.yaml. */
  readonly cgroupDriver: string
  /** Programs of the cloud's that run here: kubelet, kube-proxy. */
  readonly strangers: readonly string[]
}

export async function edgeFacts({ $ }: Pick<TaskContext, '$'>, cloudcore: string): Promise<EdgeFacts> {
  const { stdout } = await $({ quiet: true })`echo "route $(ip -4 route get ${cloudcore} 2>&1 | head -n1)"
echo "machine $(cat /etc/machine-id 2>/dev/null)"
echo "leftovers $(ls -A /etc/kubeedge 2>/dev/null | tr '\\n' ' ')"
[ -s /etc/kubeedge/ca/rootCA.crt ] && [ -s /etc/kubeedge/certs/server.crt ] && [ -s /etc/kubeedge/certs/server.key ] && echo 'certificates yes'
echo "driver $(sed -n 's/^ *cgroupDriver: *//p' /etc/kubeedge/config/edgecore.yaml 2>/dev/null | head -n1)"
echo "strangers $(cat /proc/[0-9]*/comm 2>/dev/null | grep -xE 'kubelet|kube-proxy' | sort -u | tr '\\n' ' ')" || true`
  const said = new Map(
    stdout.split('\n').map((line) => {
      const [key = '', ...rest] = line.trim().split(' ')
      return [key, rest.join(' ').trim()] as const
    }),
  )
  const words = (key: string) => (said.get(key) ?? '').split(' ').filter((word) => word !== '')
  const route = said.get('route') ?? ''
  const way = / (dev \S+)(?:.* (src \S+))?/.exec(route)
  return {
    route: { found: way !== null, text: way ? way.slice(1).filter(Boolean).join(' ') : route || 'no answer' },
    machineId: said.get('machine') ?? '',
    leftovers: words('leftovers'),
    hasCertificates: said.get('certificates') === 'yes',
    cgroupDriver: (said.get('driver') ?? '').replaceAll('"', ''),
    strangers: words('strangers'),
  }
}
