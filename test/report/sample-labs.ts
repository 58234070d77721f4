import type { InstanceId } from '../../lib/event/event.ts'
import type { Failure } from '../../lib/event/failure.ts'
import type { RunFacts } from '../../lib/report/measure-run.ts'
import type { Simulated } from './simulated-run.ts'

const edgeNames = (count: number) => Array.from({ length: count }, (_, index) => `edge-${index + 1}`)

/** The reference lab, shortened to the tasks that tell something in a report, with as many edges as asked for. */
export function lab(edgeCount: number): readonly Simulated[] {
  const edges = edgeNames(edgeCount)
  const nodes = ['master', 'worker', ...edges]
  const instances: Simulated[] = []
  const byTask = new Map<string, InstanceId[]>()
  const add = (task: string, phase: string, on: readonly string[], seconds: number, needs: readonly string[]) => {
    byTask.set(
      task,
      on.map((node): InstanceId => `${task}@${node}`),
    )
    for (const [index, node] of on.entries()) {
      const waitsFor = needs.flatMap((need): InstanceId[] => {
        const all = byTask.get(need) ?? []
        const own: InstanceId = `${need}@${node}`
        return all.includes(own) ? [own] : all
      })
      instances.push({ id: `${task}@${node}`, phase, waitsFor, seconds: seconds + (index % 7) * 0.4 })
    }
  }
  add('create-networks', 'configuration', ['hypervisor'], 1.2, [])
  add('create-vms', 'configuration', nodes, 31, ['create-networks'])
  add('disable-swap', 'configuration', nodes, 0.8, ['create-vms'])
  add('install-runtime', 'configuration', nodes, 9.5, ['create-vms'])
  add('install-kubernetes', 'installation', ['master', 'worker'], 12, ['disable-swap', 'install-runtime'])
  add('init-cluster', 'installation', ['master'], 74, ['install-kubernetes'])
  add('init-cloudcore', 'installation', ['master'], 22, ['init-cluster'])
  add('install-edgecore', 'installation', edges, 4, ['disable-swap', 'install-runtime'])
  add('join-edge', 'installation', edges, 14, ['install-edgecore', 'init-cloudcore'])
  add('verify', 'verification', ['master', ...edges], 3, ['join-edge', 'init-cloudcore'])
  return instances
}

export const changed = (
  instances: readonly Simulated[],
  change: (instance: Simulated) => Partial<Simulated> | undefined,
): readonly Simulated[] => instances.map((instance) => ({ ...instance, ...change(instance) }))

export function factsOf(instances: readonly Simulated[]): RunFacts {
  const nodes = new Set(instances.map(({ id }) => id.split('@')[1] ?? ''))
  const roleOf = (node: string) =>
    node === 'master' ? 'control-plane' : node.startsWith('edge') ? 'edge' : node === 'worker' ? 'worker' : 'hypervisor'
  return {
    waits: new Map(instances.map(({ id, waitsFor }) => [id, waitsFor])),
    roles: new Map([...nodes].map((node) => [node, roleOf(node)])),
    steps: new Map([
      ['create-vms', 1],
      ['create-networks', 2],
      ['disable-swap', 3],
      ['install-runtime', 4],
      ['install-kubernetes', 6],
      ['init-cluster', 6],
      ['init-cloudcore', 8],
      ['install-edgecore', 10],
      ['join-edge', 12],
    ]),
  }
}

export const joinRefused = (node: string, address: string): Failure => ({
  kind: 'command',
  message: `keadm join ended with 1 on ${node}`,
  command: `keadm join --cloudcore-ipport ${address}:10000 --token *** --edgenode-name ${node} --cgroupdriver systemd`,
  exitCode: 1,
  lastLines: [
    `I0105 10:02:11 check node name ${node}`,
    '\u001b[31mError: edge node join failed: token is expired\u001b[0m',
    'progress 10%\rprogress 50%\rexecute keadm command failed: \u001b]0;pwned\u0007token is expired',
  ],
  cause: 'The token that this edge joined with was older than 24 hours: cloudcore stops renewing it after one failure.',
  cure: 'kedge run get-token --force',
})

export const unreachable = (address: string): Failure => ({
  kind: 'unreachable',
  message: `no answer from ${address}:22 within 30 s`,
})

export const initTimedOut: Failure = {
  kind: 'timeout',
  message: '“kubeadm init --config /etc/kubernetes/kedge.yaml” took longer than it may',
  command: 'kubeadm init --config /etc/kubernetes/kedge.yaml',
  lastLines: ['[kubelet-check] Initial timeout of 40s passed.', '[wait-control-plane] Waiting for the kubelet'],
}

/** Of a task that has its work done on another machine than its instance's node. */
export const noVm: Failure = {
  kind: 'command',
  message: '“virsh start paper-edge-1” ended with exit code 1',
  host: 'hypervisor',
  command: 'virsh start paper-edge-1',
  exitCode: 1,
  lastLines: ['error: Failed to start domain', 'error: internal error: process exited while connecting to monitor'],
}
