import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { known } from '../topology/known.ts'
import { canary } from './hostile-names.ts'

/** A path as nobody would write it and as the file lets it through: everything but control characters. */
export const hostilePath = `/srv/it's "q" $(touch ${canary}) \`touch ${canary}\`; touch ${canary} & <x y='z'/> ]]> %h \${HOME} \\ # * é`
/** For a URI, which has no blanks. */
export const hostileUri = `qemu:///system?x='"$(touch\${IFS}${canary})\`touch\${IFS}${canary}\`;touch\${IFS}${canary}&<x>#*\\`

export type Names = Readonly<
  Record<
    'lab' | 'management' | 'cloud' | 'lan' | 'master' | 'worker' | 'edge' | 'pi' | 'label' | 'value' | 'user',
    string
  >
> & { readonly path: string; readonly uri: string }

export const harmlessNames: Names = {
  lab: 'lab',
  management: 'management',
  cloud: 'cloud',
  lan: 'lan',
  master: 'master',
  worker: 'worker',
  edge: 'edge-1',
  pi: 'pi',
  label: 'label',
  value: 'value',
  user: 'user',
  path: '/srv/kedge',
  uri: 'qemu:///system',
}

/** Names that YAML, JSON or a shell would take for something else, if they were let: as hostile as the file's rules allow. */
export const hostileLabNames: Names = {
  lab: 'null',
  management: 'true',
  cloud: 'on',
  lan: '1e3',
  master: '0x10',
  worker: 'no',
  edge: '1e5',
  pi: 'yes',
  label: '1.10',
  value: 'null',
  user: '_x-.$'.slice(0, 4),
  path: hostilePath,
  uri: hostileUri,
}

/** A sound lab of these names: three VMs and a machine that exists already. */
export function labOf(names: Names, distribution: 'kubeadm' | 'k3s' = 'kubeadm'): Topology {
  const { management, cloud, lan, path } = names
  const vm = (role: string, networks: Readonly<Record<string, string>>) => ({
    role,
    networks,
    labels: { [names.label]: names.value, 'example.com/x': 'true' },
  })
  const file = {
    version: 1,
    lab: names.lab,
    hypervisor: { uri: names.uri, storage: path },
    networks: {
      [management]: { cidr: '192.168.22.0/24', management: true },
      [cloud]: { cidr: '192.168.23.0/24' },
      [lan]: { cidr: '192.168.24.0/30' },
    },
    nodes: {
      [names.master]: vm('control-plane', {
        [management]: '192.168.22.10',
        [cloud]: '192.168.23.10',
        [lan]: '192.168.24.1',
      }),
      [names.worker]: vm('worker', { [management]: '192.168.22.11', [cloud]: '192.168.23.11' }),
      [names.edge]: vm('edge', { [management]: '192.168.22.21', [lan]: '192.168.24.2' }),
      [names.pi]: {
        role: 'edge',
        runtime: 'cri-o',
        cloudcore: '203.0.113.10',
        ssh: { host: '10.0.0.7', user: names.user, key: path },
      },
    },
    kubernetes: { distribution, version: distribution === 'k3s' ? '1.32.10+k3s1' : '1.32.10' },
    kubeedge: { mqtt: 'bundle' },
    bundle: path,
  }
  const loaded = loadTopology(JSON.stringify(file), '/lab/kedge.config.yaml', known)
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
  return loaded.topology
}
