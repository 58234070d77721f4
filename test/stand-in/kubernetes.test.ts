import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { whyNotReady } from '../../lib/distribution/cluster.ts'
import { nodeListFormat, readNodeList } from '../../lib/distribution/node-list.ts'
import { type FakeCluster, fakeCluster, must, until } from './cluster.ts'
import { joinConfiguration } from './configurations.ts'
import type { FakeNode } from './fake-node.ts'

setDefaultTimeout(120_000)
let cluster: FakeCluster

beforeAll(async () => {
  cluster = await fakeCluster(`/tmp/kedge-stand-in-kubernetes-${process.pid}`, 2)
}, 120_000)
// Nothing to take down where the cluster did not come up.
afterAll(() => cluster?.lab.down())

type Pod = {
  metadata: { name: string }
  spec: { nodeName?: string }
  status: { phase: string; conditions: { message?: string }[] }
}
const podsOf = async (selector: string, namespace = 'default') =>
  (await cluster.json<{ items: Pod[] }>('pods', '-n', namespace, '-l', selector)).items

const pod = (name: string, spec: object) =>
  cluster.kubectl('run', name, '--image=registry.k8s.io/pause:3.10', `--overrides=${JSON.stringify({ spec })}`)

test('kubectl fails in kubectl’s words', async () => {
  const said = async (...words: readonly string[]) => (await cluster.kubectl(...words)).stderr.split('\n')[1]
  expect(await said('get', 'node', 'nobody')).toBe('Error from server (NotFound): nodes "nobody" not found')
  expect(await said('get', 'wombats')).toBe('error: the server doesn\'t have a resource type "wombats"')
  expect(await said('-n', 'nowhere', 'create', 'configmap', 'a')).toBe(
    'Error from server (NotFound): namespaces "nowhere" not found',
  )
  expect(await said('taint', 'node', 'master', 'missing:NoSchedule-')).toBe(
    'error: taint "missing:NoSchedule" not found',
  )
  expect(await said('get', 'pods', '--wat')).toBe('error: unknown flag: --wat')
  await must(cluster.kubectl('label', 'node', 'master', 'rack=a'))
  expect(await said('label', 'node', 'master', 'rack=b')).toContain(
    "'rack' already has a value (a), and --overwrite is false",
  )
  const stranger = cluster.lab.node('stranger', [cluster.address(8, 8)], 'cloud')
  const server = `--server=https://${cluster.address(8, 8)}:6443`
  expect((await stranger.run('kubectl', server, 'get', 'nodes')).stderr).toContain('was refused - did you specify')
})

test('get --raw, --ignore-not-found, jsonpath and names', async () => {
  expect((await cluster.kubectl('get', '--raw', '/healthz', '--request-timeout=10s')).stdout.trim()).toBe('ok')
  expect((await cluster.kubectl('get', 'node', 'nobody', '-o', 'json', '--ignore-not-found')).stdout).toBe('')
  const path = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
  expect((await cluster.kubectl('get', 'nodes', '-o', `jsonpath=${path}`)).stdout).toBe('master=True\n')
  const [listed, ...others] = readNodeList((await cluster.kubectl('get', 'nodes', '-o', nodeListFormat)).stdout)
  const { metadata, spec, status } = JSON.parse((await cluster.kubectl('get', 'node', 'master', '-o', 'json')).stdout)
  expect(others).toEqual([])
  expect(listed).toMatchObject({
    metadata: { name: 'master', uid: metadata.uid, labels: metadata.labels },
    spec: { podCIDR: spec.podCIDR },
    status: { addresses: status.addresses, nodeInfo: { kubeletVersion: status.nodeInfo.kubeletVersion } },
  })
  expect(whyNotReady(listed, 'master')).toBeUndefined()
  expect((await cluster.kubectl('get', 'ns', 'default', '-o', 'name')).stdout).toBe('namespace/default\n')
})

test('apply creates, leaves alone, changes and takes away', async () => {
  const apply = async (data: object) => {
    cluster.master.write('/map.yaml', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [data] }))
    return (await must(cluster.kubectl('apply', '-f', '/map.yaml'))).stdout
  }
  const map = (data: object) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'colours' }, data })
  expect(await apply(map({ a: 'red', b: 'blue' }))).toBe('configmap/colours created\n')
  expect(await apply(map({ a: 'red', b: 'blue' }))).toBe('configmap/colours unchanged\n')
  expect(await apply(map({ a: 'green' }))).toBe('configmap/colours configured\n')
  expect((await cluster.json<{ data: object }>('configmap', 'colours')).data).toEqual({ a: 'green' })
  expect((await cluster.kubectl('delete', 'configmap', 'colours')).stdout).toBe('configmap "colours" deleted\n')
})

test('a strategic patch replaces nodeSelectorTerms and merges containers', async () => {
  const patch = {
    spec: {
      template: {
        spec: {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [
                  { matchExpressions: [{ key: 'node-role.kubernetes.io/edge', operator: 'DoesNotExist' }] },
                ],
              },
            },
          },
          containers: [{ name: 'kube-flannel', env: [{ name: 'A', value: '1' }] }],
        },
      },
    },
  }
  await must(cluster.kubectl('-n', 'kube-flannel', 'patch', 'ds', 'kube-flannel-ds', '-p', JSON.stringify(patch)))
  const { spec } = (
    await cluster.json<{ spec: { template: { spec: Record<string, unknown> } } }>(
      'ds',
      'kube-flannel-ds',
      '-n',
      'kube-flannel',
    )
  ).spec.template
  expect(JSON.stringify(spec.affinity)).not.toContain('kubernetes.io/os')
  expect(JSON.stringify(spec.containers)).toContain('--kube-subnet-mgr')
  expect(JSON.stringify(spec.containers)).toContain('"A"')
})

test('the control plane’s taint keeps pods away until it is taken off or tolerated', async () => {
  await must(pod('plain', {}))
  const looked = async () => (await podsOf('run=plain'))[0]
  // The pod is there a moment before the scheduler has looked at it.
  const waiting = await until(async () => {
    const pod = await looked()
    return pod?.status.conditions?.[0] ? pod : undefined
  })
  expect(waiting.spec.nodeName).toBeUndefined()
  expect(waiting.status.conditions[0]?.message ?? '').toContain(
    'untolerated taint {node-role.kubernetes.io/control-plane: }',
  )
  await must(pod('tolerant', { tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }] }))
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'pod/tolerant', '--timeout=60s'))
  await must(cluster.kubectl('delete', 'pod', 'plain', 'tolerant', '--timeout=60s'))
})

test('a pod without its image never runs, and a name that is none is refused', async () => {
  const image = (name: string, policy: string) =>
    cluster.kubectl(
      'run',
      name,
      '--image=docker.io/library/nothing:1',
      `--image-pull-policy=${policy}`,
      '--overrides={"spec":{"nodeName":"master"}}',
    )
  await must(image('absent', 'Never'))
  const reason = '{.status.containerStatuses[0].state.waiting.reason}'
  await until(
    async () =>
      (await cluster.kubectl('get', 'pod', 'absent', '-o', `jsonpath=${reason}`)).stdout === 'ErrImageNeverPull',
  )
  const again = await image('absent', 'Never')
  expect(again.stderr).toContain('Error from server (AlreadyExists): pods "absent" already exists')
  expect((await cluster.kubectl('logs', 'absent')).stderr).toContain('is waiting to start: ErrImageNeverPull')
  await must(cluster.kubectl('delete', 'pod', 'absent', '--force'))
})

const newJoinCommand = async (...flags: readonly string[]) =>
  (
    await cluster.master.shell(
      `KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token create ${flags.join(' ')} --print-join-command`,
    )
  ).stdout.trim()

const worker = async (name: string, host: number): Promise<FakeNode> => {
  const node = cluster.lab.node(name, [cluster.address(1, host), cluster.address(9, host)], 'cloud')
  await node.run('systemctl', 'enable', 'kubelet')
  return node
}

test('join refuses a token that is unknown or over, and a key that is not pinned', async () => {
  const node = await worker('refused', 7)
  const command = await newJoinCommand()
  const join = async (words: string) => (await node.runImpatiently(...words.split(' ').filter(Boolean))).stderr
  expect(await join(command.replace(/--token \S+/, '--token abcdef.0123456789abcdef'))).toContain(
    'token id "abcdef" is invalid for this cluster or it has expired',
  )
  expect(await join(command.replace(/sha256:..../, 'sha256:0000'))).toContain('are pinned')
  const short = await newJoinCommand('--ttl', '1s')
  await until(async () => (await cluster.master.run('kubeadm', 'token', 'list')).stdout.includes('<invalid>'))
  // What signs cluster-info may have begun with it while it was still good: whoever comes then is told that he is unauthorized.
  await until(async () => (await join(short)).includes('is invalid for this cluster or it has expired'))
  expect(await join(command.replace(/--discovery.*/, ''))).toContain(
    'using token-based discovery without caCertHashes can be unsafe',
  )
  expect(node.read('/etc/kubernetes/kubelet.conf')).toBeUndefined()
})

test('a worker joins, is Ready with its network, runs pods, and leaves by reset', async () => {
  const node = await worker('worker', 2)
  node.write('/join.yaml', joinConfiguration(await newJoinCommand(), 'worker', cluster.address(1, 2)))
  await must(node.run('kubeadm', 'join', '--config', '/join.yaml'))
  expect(node.read('/etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined()
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'node/worker', '--timeout=60s'))
  await must(pod('there', {}))
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'pod/there', '--timeout=60s'))
  expect((await podsOf('run=there'))[0]?.spec.nodeName).toBe('worker')
  expect((await cluster.kubectl('logs', 'there')).stdout).toContain('[stand-in]')
  const again = await node.run('kubeadm', 'join', '--config', '/join.yaml')
  expect(again.stderr).toContain('[ERROR FileAvailable--etc-kubernetes-kubelet.conf]')
  await must(node.run('kubeadm', 'reset', '-f'))
  expect(node.read('/etc/kubernetes/kubelet.conf')).toBeUndefined()
  expect(node.read('/etc/cni/net.d/10-flannel.conflist')).toBeDefined()
  await must(cluster.kubectl('delete', 'node', 'worker'))
})

test('CoreDNS reads kubeadm’s Corefile, and ends at once where it forwards and its node has no name server', async () => {
  const inSystem = (...words: readonly string[]) => must(cluster.kubectl('-n', 'kube-system', ...words))
  type Deployment = { spec: { replicas: number }; status: { availableReplicas: number } }
  const available = async () =>
    (await cluster.json<Deployment>('deployment', 'coredns', '-n', 'kube-system')).status.availableReplicas
  await until(async () => (await available()) === 2)
  const { data } = await cluster.json<{ data: { Corefile: string } }>('cm', 'coredns', '-n', 'kube-system')
  expect(data.Corefile).toContain('\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n')
  cluster.master.write('/etc/resolv.conf', 'search lab\n')
  await inSystem('delete', 'pods', '-l', 'k8s-app=kube-dns')
  const shown = async () => (await inSystem('get', 'pods', '-l', 'k8s-app=kube-dns')).stdout
  await until(async () => /^(NAME.*\n)(coredns-\S+ +0\/1 +CrashLoopBackOff +[1-9].*\n){2}$/.test(await shown()))
  expect(await available()).toBe(0)
  expect((await inSystem('logs', 'deployment/coredns')).stdout).toMatch(/^plugin\/forward: no nameservers found\n/)
  // What kedge makes of it.
  const Corefile = data.Corefile.replace(/^ *forward [^}]*\}\n/m, '')
  await inSystem('patch', 'configmap', 'coredns', '--type=merge', '-p', JSON.stringify({ data: { Corefile } }))
  await inSystem('rollout', 'restart', 'deployment', 'coredns')
  await inSystem('rollout', 'status', 'deployment', 'coredns', '--timeout=60s')
  expect(await available()).toBe(2)
})

test('where systemd-resolved runs, pods are given the file with the servers behind it', async () => {
  const node = await worker('resolved', 5)
  node.write('/etc/systemd/system/systemd-resolved.service', '[Service]\nExecStart=/bin/resolved\n')
  node.write('/bin/resolved', '#!/bin/sh\nexec sleep 100\n')
  await node.run('chmod', '+x', `${node.root}/bin/resolved`)
  await must(node.run('systemctl', 'start', 'systemd-resolved'))
  node.write('/join.yaml', joinConfiguration(await newJoinCommand(), 'resolved', cluster.address(1, 5)))
  await must(node.run('kubeadm', 'join', '--config', '/join.yaml'))
  expect(node.read('/var/lib/kubelet/config.yaml')).toContain('resolvConf: /run/systemd/resolve/resolv.conf\n')
  expect(cluster.master.read('/var/lib/kubelet/config.yaml')).not.toContain('resolvConf')
  await must(node.run('kubeadm', 'reset', '-f'))
  await must(node.run('systemctl', 'stop', 'systemd-resolved'))
  await must(cluster.kubectl('delete', 'node', 'resolved'))
})

test('a list of kinds and one of names are lists, each item with its own kind', async () => {
  type List = { kind: string; items: { kind: string; metadata: { name: string } }[] }
  const { items } = await cluster.json<List>('daemonsets,deployments', '--all-namespaces')
  const kinds = Object.fromEntries(items.map(({ kind, metadata }) => [metadata.name, kind]))
  expect(kinds).toEqual({ 'kube-flannel-ds': 'DaemonSet', 'kube-proxy': 'DaemonSet', coredns: 'Deployment' })
  const some = await cluster.json<List>('cm', 'coredns', 'nothing', '-n', 'kube-system', '--ignore-not-found')
  expect(some.kind).toBe('List')
  expect(some.items.map(({ metadata }) => metadata.name)).toEqual(['coredns'])
})

test('flannel needs an interface and a range that holds the nodes’', async () => {
  // The pod before the change may still stand there, with what it said.
  const crashes = async (patch: object, words: string) => {
    await must(
      cluster.kubectl(
        '-n',
        'kube-flannel',
        'patch',
        'ds',
        'kube-flannel-ds',
        '--type=json',
        '-p',
        JSON.stringify([patch]),
      ),
    )
    const message = '{.items[0].status.containerStatuses[0].state.waiting.message}'
    const said = async () =>
      (await cluster.kubectl('get', 'pods', '-n', 'kube-flannel', '-o', `jsonpath=${message}`)).stdout
    await until(async () => (await said()).includes(words))
  }
  const args = '/spec/template/spec/containers/0/args'
  await crashes({ op: 'replace', path: args, value: ['--kube-subnet-mgr'] }, 'unable to find default route')
  await crashes({ op: 'replace', path: args, value: ['--iface=eth9'] }, 'Failed to find interface to use')
})

test('the API server’s objects survive a restart', async () => {
  await must(cluster.kubectl('create', 'configmap', 'lasting', '--from-literal=a=b'))
  await cluster.master.run('systemctl', 'restart', 'kubelet')
  await until(
    async () => (await cluster.kubectl('get', 'configmap', 'lasting', '-o', 'name')).stdout === 'configmap/lasting\n',
  )
})
