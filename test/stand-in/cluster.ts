import type { Result } from '../build/binary.ts'
import { addressesOf } from '../loopback.ts'
import { initConfiguration } from './configurations.ts'
import { type FakeLab, type FakeNode, fakeLab } from './fake-node.ts'

export type FakeCluster = {
  readonly lab: FakeLab
  readonly master: FakeNode
  /** `lan` 1 is the cloud's, 2 and 3 an edge's each; nobody else listens on these addresses. */
  address(lan: number, host: number): string
  kubectl(...words: readonly string[]): Promise<Result>
  json<T>(...words: readonly string[]): Promise<T>
}

/** A control plane with its pod network, edges guarded or not. */
export async function fakeCluster(folder: string, part: number): Promise<FakeCluster> {
  const address = addressesOf(part)
  const lab = await fakeLab(folder)
  try {
    return await makeCluster(lab, folder, address)
  } catch (error) {
    await lab.down()
    throw error
  }
}

async function makeCluster(lab: FakeLab, folder: string, address: FakeCluster['address']): Promise<FakeCluster> {
  const master = lab.node('master', [address(1, 1), address(2, 1), address(3, 1), address(9, 1)], 'cloud')
  await master.run('systemctl', 'enable', 'kubelet')
  const names = [1, 2, 3].map((lan) => address(lan, 1))
  master.write('/init.yaml', initConfiguration({ name: 'master', address: address(1, 1), names }))
  const init = await master.run('kubeadm', 'init', '--config', '/init.yaml', '--skip-token-print')
  if (init.exitCode !== 0) throw new Error(init.stdout + init.stderr + master.log('kubelet'))
  if (!init.stdout.includes('--token <value withheld>')) throw new Error(`a token is in ${init.stdout}`)
  const kubectl = (...words: readonly string[]) =>
    master.run('kubectl', '--kubeconfig=/etc/kubernetes/admin.conf', ...words)
  const cluster: FakeCluster = {
    lab,
    master,
    address,
    kubectl,
    json: async (...words) => JSON.parse((await kubectl('get', ...words, '-o', 'json')).stdout),
  }
  const manifest = Bun.file(`${folder}/pieces/manifests/pod-network.yaml`)
  master.write(
    '/network.yaml',
    (await manifest.text()).replace('--kube-subnet-mgr]', `--kube-subnet-mgr, --iface-regex=eth0]`),
  )
  await must(kubectl('apply', '-f', '/network.yaml'))
  await must(kubectl('wait', '--for=condition=Ready', 'node/master', '--timeout=60s'))
  return cluster
}

export async function must(running: Promise<Result>): Promise<Result> {
  const ran = await running
  if (ran.exitCode !== 0) throw new Error(`exit ${ran.exitCode}: ${ran.stdout}${ran.stderr}`)
  return ran
}

/** Asks until the answer is there; the test's own limit ends it. */
export async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    await Bun.sleep(200)
  }
}

const notOnEdges = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'node-role.kubernetes.io/edge', operator: 'DoesNotExist' }] }],
    },
  },
}

export async function guard(cluster: FakeCluster, namespace: string, daemonSet: string): Promise<void> {
  const patch = JSON.stringify({ spec: { template: { spec: { affinity: notOnEdges } } } })
  await must(cluster.kubectl('-n', namespace, 'patch', 'daemonset', daemonSet, '--type=merge', '-p', patch))
}
