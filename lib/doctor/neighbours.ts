import { marksOf } from '../distribution/attempt.ts'
import { foreignSign } from '../distribution/k3s-neighbours.ts'
import { cniFile } from '../kubeedge/edge-network.ts'
import { certificatePort } from '../kubeedge/ports.ts'
import { cloudcoreAddress } from '../topology/addresses.ts'
import { type Area, keyed, words } from './area.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { MachineView } from './machine.ts'

type Facts = {
  readonly processes: ReadonlySet<string>
  /** Signs of others that are there. */
  readonly signs: ReadonlySet<string>
  readonly cni: readonly string[]
  /** The CloudCore that an edgecore on this machine has joined. */
  readonly cloudcore: string
}

const cniFolder = cniFile.slice(0, cniFile.lastIndexOf('/'))
const signs = {
  kedge: '/var/lib/kedge',
  kubelet: '/etc/kubernetes/kubelet.conf',
  'kubeadm-by-kedge': marksOf('kubeadm').begun,
  k3s: foreignSign,
  'k3s-by-kedge': marksOf('k3s').begun,
  microk8s: '/var/snap/microk8s/current',
} as const

/** Other container runtimes and clusters on the machine, and what is left of them. */
export const neighbours: Area<MachineView> = {
  script: () => `echo "processes $(cat /proc/[0-9]*/comm | sort -u | tr '\\n' ' ')"
echo "signs $(${Object.entries(signs)
    .map(([name, path]) => `[ -e ${path} ] && echo ${name}`)
    .join('; ')}; true)" | tr '\\n' ' '
echo
echo "cni $(ls ${cniFolder} | tr '\\n' ' ')"
echo "cloudcore $(sed -n 's/^ *httpServer: *//p' /etc/kubeedge/config/edgecore.yaml | head -n 1 | tr -d '"')"`,

  judge(said, view) {
    const read = keyed(said)
    const facts: Facts = {
      processes: new Set(words(read.get('processes'))),
      signs: new Set(words(read.get('signs'))),
      cni: words(read.get('cni')),
      cloudcore: read.get('cloudcore') ?? '',
    }
    const found = [clusters, edgecore, docker, secondRuntime, cni].flatMap((look) => look(facts, view))
    return found.length > 0 ? found : ok('other runtimes', 'none')
  },
}

type Look = (facts: Facts, view: MachineView) => readonly Finding[]

const clusters: Look = ({ processes, signs }, { node, topology }) => {
  const isEdge = node.role === 'edge'
  const { distribution } = topology.kubernetes
  const runs = (...names: string[]) => names.some((name) => processes.has(name))
  const found: Finding[] = []
  const against = (what: string, figure: string, cure: string) => void found.push(fail(what, figure, cure))
  if (signs.has('microk8s') || runs('kubelite'))
    against('MicroK8s', 'is installed, and has a kubelet of its own', `snap remove --purge microk8s on ${node.name}`)
  const isK3sOurs = signs.has('k3s-by-kedge') && distribution === 'k3s' && !isEdge
  if ((signs.has('k3s') || runs('k3s-server', 'k3s-agent')) && !isK3sOurs)
    against(
      'K3s',
      `was here before (${foreignSign})${runs('k3s-server', 'k3s-agent') ? ', and runs' : ''}`,
      `on ${node.name}: k3s-uninstall.sh or k3s-agent-uninstall.sh; what is left then: rm -r ${foreignSign}`,
    )
  const isKubeletOurs = signs.has('kubeadm-by-kedge') && distribution === 'kubeadm' && !isEdge
  if ((signs.has('kubelet') || (runs('kubelet') && (isEdge || distribution === 'k3s'))) && !isKubeletOurs)
    against(
      'kubelet',
      signs.has('kubelet')
        ? `the machine is part of a Kubernetes cluster that kedge did not make (${signsPath('kubelet')})`
        : `runs, and ${isEdge ? 'edgecore' : 'K3s'} brings its own`,
      `on ${node.name}: kubeadm reset, then systemctl disable --now kubelet`,
    )
  return found
}

const signsPath = (name: keyof typeof signs): string => signs[name]

const edgecore: Look = ({ processes, cloudcore }, { node, topology }) => {
  const cure = `on ${node.name}: keadm reset edge --force`
  if (node.role !== 'edge')
    return processes.has('edgecore')
      ? [
          fail(
            'edgecore',
            'runs, and cannot share a machine with Kubernetes',
            `${cure}; or make it an edge in the file`,
          ),
        ]
      : []
  const own = `https://${cloudcoreAddress(topology, node)}:${certificatePort}`
  if (cloudcore === '' || cloudcore === own) return []
  return [fail('edgecore', `has joined CloudCore at ${cloudcore}, and this lab’s is at ${own}`, cure)]
}

const docker: Look = ({ processes }, { node }) =>
  processes.has('dockerd')
    ? [
        warn(
          'Docker',
          'runs: its firewall rules drop what pods forward, and it shares containerd, which kedge configures anew',
          `unless it is needed, on ${node.name}: systemctl disable --now docker.service docker.socket`,
        ),
      ]
    : []

const secondRuntime: Look = ({ processes, signs }, { node }) => {
  const [own, other, service] =
    node.runtime === 'containerd' ? ['containerd', 'crio', 'crio'] : ['crio', 'containerd', 'containerd']
  if (processes.has(other) && !(other === 'containerd' && processes.has('dockerd')))
    return [
      warn(
        other === 'crio' ? 'CRI-O' : 'containerd',
        `runs beside the lab’s ${node.runtime}`,
        `unless it is needed, on ${node.name}: systemctl disable --now ${service}`,
      ),
    ]
  // Before kedge has been here, it is somebody else's; with Docker that has been said.
  if (!processes.has(own) || signs.has('kedge') || processes.has('dockerd')) return []
  return [
    warn(
      node.runtime,
      'runs already: kedge gives it a configuration of its own, and keeps the old one beside it (.orig)',
      `nothing to do, unless somebody else uses it on ${node.name}`,
    ),
  ]
}

/** The first configuration by name is the pod network of all. */
const cni: Look = ({ cni }, { node }) => {
  const own = node.role === 'edge' ? (cniFile.split('/').at(-1) ?? '') : '10-flannel.conflist'
  // CRI-O's package brings samples, which kedge takes away.
  const known = node.runtime === 'cri-o' ? /kedge|flannel|crio-/ : /kedge|flannel/
  const before = cni.filter((name) => /\.(conf|conflist|json)$/.test(name) && name < own && !known.test(name))
  const podman = cni.filter((name) => /podman/.test(name) && !before.includes(name))
  return [
    ...before.map((name) =>
      fail(
        'pod network',
        `${cniFolder}/${name} comes before the lab’s own (${own}), and would be taken instead`,
        `rm ${cniFolder}/${name} on ${node.name}, or rename it to 99-${name.replace(/^\d+-/, '')}`,
      ),
    ),
    ...podman.map((name) =>
      warn(
        'pod network',
        `Podman’s ${name} lies in ${cniFolder}: pods that start before the lab’s network is there would take it`,
        `unless it is needed, rm ${cniFolder}/${name} on ${node.name}`,
      ),
    ),
  ]
}
