import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash, X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { clusterOf } from '../../lib/distribution/cluster.ts'
import { guardWorkloads, unguardedWorkloads } from '../../lib/distribution/edge-guard.ts'
import { TaskError } from '../../lib/event/failure.ts'
import type { Connection } from '../../lib/host/host.ts'
import { localConnection } from '../../lib/host/local.ts'
import { createVault } from '../../lib/host/secret.ts'
import { edgeNetwork } from '../../lib/kubeedge/edge-network.ts'
import type { Instance } from '../../lib/plan/plan.ts'
import { contextMaker } from '../../lib/run/task-context.ts'
import { runSmokePod } from '../../lib/verify/smoke-pod.ts'
import { passSmokeTest, smokeMark } from '../../lib/verify/smoke-test.ts'
import { loadLab } from '../tasks/context.ts'
import { type FakeCluster, fakeCluster, guard, must, until } from './cluster.ts'
import { type FakeNode, versions } from './fake-node.ts'

setDefaultTimeout(300_000)
const tag = `v${versions.kubeedge}`
const admin = '--kube-config=/etc/kubernetes/admin.conf'
const role = 'node-role.kubernetes.io/control-plane'
const tolerates = (component: string) =>
  `${component}.tolerations[0].key=${role},${component}.tolerations[0].operator=Exists`
let cluster: FakeCluster
let token = ''
let edge: FakeNode

beforeAll(async () => {
  cluster = await fakeCluster(`/tmp/kedge-stand-in-kubeedge-${process.pid}`, 3)
  edge = newEdge('edge-1', 2)
}, 120_000)
// Nothing to take down where the cluster did not come up.
afterAll(() => cluster?.lab.down())

const keadm = (...words: readonly string[]) => cluster.master.run('keadm', ...words)
/** The token is there before the ports are open, and after a restart still there from before. */
const untilServing = () =>
  until(async () =>
    (await cluster.kubectl('logs', 'deployment/cloudcore', '-n', 'kubeedge')).stdout.includes(
      'Starting cloudhub websocket server',
    ),
  )
const newEdge = (name: string, lan: number) =>
  cluster.lab.node(name, [cluster.address(lan, 2), cluster.address(9, lan)], 'edge')
const addresses = () => [1, 2].map((lan) => cluster.address(lan, 1)).join(',')

const joinWords = (name: string, lan: number, change: Readonly<Record<string, string>> = {}) => {
  const flags = {
    token,
    'cloudcore-ipport': `${cluster.address(lan, 1)}:10000`,
    'edgenode-name': name,
    'kubeedge-version': tag,
    cgroupdriver: 'systemd',
    set: 'modules.edgeStream.enable=true,modules.edged.customInterfaceName=eth0',
    ...change,
  }
  return ['keadm', 'join', ...Object.entries(flags).map(([name_, value]) => `--${name_}=${value}`)]
}
const join = (node: FakeNode, lan: number, change?: Readonly<Record<string, string>>) =>
  node.run(...joinWords(node.name, lan, change))
const clear = (node: FakeNode) => {
  for (const path of ['/etc/kubeedge', '/var/lib/kubeedge', '/var/log/kubeedge', '/usr/local/bin/edgecore'])
    node.remove(path)
}

test('keadm init refuses: no version, no cluster, no tolerations', async () => {
  const unversioned = await keadm('init', admin)
  expect(unversioned.stderr).toContain('without a full --kubeedge-version')
  const lost = await keadm('init', `--kubeedge-version=${tag}`, '--kube-config=/nowhere')
  expect(lost.stderr).toContain('failed to verify k8s component installed')
  expect((await keadm('gettoken', admin)).exitCode).toBe(1)
  expect((await keadm('init', '--advertise-adress=1')).stderr).toContain('Error: unknown flag: --advertise-adress')
  const pending = await cluster.master.runImpatiently(
    'keadm',
    'init',
    admin,
    `--kubeedge-version=${tag}`,
    `--advertise-address=${addresses()}`,
  )
  expect(pending.stderr).toContain('failed to install release cloudcore, err: timed out waiting for the condition')
  expect((await cluster.kubectl('get', 'pods', '-n', 'kubeedge')).stdout).toMatch(/cloudcore-\S+ +0\/1 +Pending/)
  const again = await keadm('init', admin, `--kubeedge-version=${tag}`, '--force')
  expect(again.stderr).toContain('the cloudcore release already exists')
  expect(again.exitCode).toBe(1)
})

test('keadm reset cloud takes the namespace away, and only where pods are', async () => {
  expect((await must(keadm('reset', 'cloud', '--force', admin))).stdout).toBe('')
  await must(cluster.kubectl('wait', '--for=delete', 'namespace/kubeedge', '--timeout=60s'))
  expect((await must(keadm('reset', 'cloud', '--force', admin))).stdout).toContain(
    'None of CloudCore components are running',
  )
})

test('cloudcore dies where the service address has no route, though keadm init --force said yes', async () => {
  cluster.master.state({ serviceRoute: false })
  const sets = [
    tolerates('cloudCore'),
    tolerates('iptablesManager'),
    'cloudCore.nodeSelector.kubernetes\\.io/hostname=master',
    'cloudCore.strategy.type=Recreate',
  ]
  await must(
    keadm(
      'init',
      admin,
      `--kubeedge-version=${tag}`,
      `--advertise-address=${addresses()}`,
      `--set=${sets.join(',')}`,
      '--force',
    ),
  )
  await until(async () =>
    /cloudcore-\S+ +0\/1 +CrashLoopBackOff/.test((await cluster.kubectl('get', 'pods', '-n', 'kubeedge')).stdout),
  )
  expect((await cluster.kubectl('logs', 'deployment/cloudcore', '-n', 'kubeedge')).stdout).toContain(
    'connect: network is unreachable',
  )
  const early = await keadm('gettoken', admin)
  expect(early.stdout).toContain('failed to get token, err is secrets "tokensecret" not found')
  expect(early.exitCode).toBe(1)
  cluster.master.state({ serviceRoute: true })
  token = await until(async () => {
    const ran = await keadm('gettoken', admin)
    return ran.exitCode === 0 && ran.stdout.trim()
  })
  await untilServing()
})

test('the token is the CA’s hash and a JWT with nothing but its end; the certificate has exactly the advertised addresses and an empty name', async () => {
  const parts = token.split('.')
  expect(parts).toHaveLength(4)
  const claims = JSON.parse(Buffer.from(parts[2] as string, 'base64url').toString())
  expect(Object.keys(claims)).toEqual(['exp'])
  const ca = await fetch(`https://${cluster.address(1, 1)}:10002/ca.crt`, { tls: { rejectUnauthorized: false } })
  expect(
    createHash('sha256')
      .update(Buffer.from(await ca.arrayBuffer()))
      .digest('hex'),
  ).toBe(parts[0] as string)
  for (const port of [10000, 10002, 10004]) {
    const socket = connect({ host: cluster.address(1, 1), port, rejectUnauthorized: false })
    await new Promise((done) => socket.once('secureConnect', done))
    const names = new X509Certificate(socket.getPeerCertificate(true).raw).subjectAltName
    // And one empty name, from the chart's default.
    expect(names).toBe(['DNS:', ...[1, 2].map((lan) => `IP Address:${cluster.address(lan, 1)}`)].join(', '))
    socket.destroy()
  }
})

test('KubeEdge’s secrets hold what their names say, the stream pair for a year', async () => {
  type Secrets = { items: { metadata: { name: string }; data: Record<string, string> }[] }
  const { items } = await cluster.json<Secrets>('secrets', '-n', 'kubeedge')
  const fields = Object.fromEntries(items.map(({ metadata, data }) => [metadata.name, Object.keys(data).sort()]))
  expect(fields).toMatchObject({
    casecret: ['cadata', 'cakeydata'],
    cloudcoresecret: ['cloudcoredata', 'cloudcorekeydata'],
    tokensecret: ['tokendata'],
    cloudcore: ['stream.crt', 'stream.key', 'streamCA.crt'],
  })
  const data = items.find(({ metadata }) => metadata.name === 'cloudcore')?.data ?? {}
  const [stream, ca] = ['stream.crt', 'streamCA.crt'].map(
    (name) => new X509Certificate(Buffer.from(data[name] ?? '', 'base64')),
  )
  expect(stream?.checkIssued(ca as X509Certificate)).toBe(true)
  const days = (Date.parse(stream?.validTo ?? '') - Date.parse(stream?.validFrom ?? '')) / 86_400_000
  expect(days).toBe(365)
})

test('the service pod of every daemon waits for its guard, and a rolling update on one node cannot end', async () => {
  await guard(cluster, 'kube-system', 'kube-proxy')
  await must(
    cluster.kubectl(
      '-n',
      'kubeedge',
      'patch',
      'deployment',
      'cloudcore',
      '--type=merge',
      '-p',
      '{"spec":{"strategy":{"type":"RollingUpdate"}}}',
    ),
  )
  await must(cluster.kubectl('-n', 'kubeedge', 'rollout', 'restart', 'deployment', 'cloudcore'))
  const stuck = await cluster.kubectl('-n', 'kubeedge', 'rollout', 'status', 'deployment', 'cloudcore', '--timeout=3s')
  expect(stuck.stderr).toContain('timed out waiting for the condition')
  const message = '{.items[*].status.conditions[?(@.reason=="Unschedulable")].message}'
  expect((await cluster.kubectl('get', 'pods', '-n', 'kubeedge', '-o', `jsonpath=${message}`)).stdout).toContain(
    "didn't have free ports",
  )
  await must(
    cluster.kubectl(
      '-n',
      'kubeedge',
      'patch',
      'deployment',
      'cloudcore',
      '--type=merge',
      '-p',
      '{"spec":{"strategy":{"type":"Recreate"}}}',
    ),
  )
  await must(cluster.kubectl('-n', 'kubeedge', 'rollout', 'status', 'deployment', 'cloudcore', '--timeout=60s'))
  await until(async () => (await keadm('gettoken', admin)).exitCode === 0)
  await untilServing()
})

test.each<[string, (node: FakeNode) => Promise<unknown> | undefined, Readonly<Record<string, string>>]>([
  ['the management directory /etc/kubeedge/ is not clean', async (it) => it.write('/etc/kubeedge/left', ''), {}],
  ['connection refused', async () => undefined, { 'cloudcore-ipport': '127.0.0.1:10000' }],
  ['node already exists or internal error occurred', async () => undefined, { 'edgenode-name': 'master' }],
  ['missing port in address', async () => undefined, { 'cloudcore-ipport': '127.0.0.1' }],
  ['pull Images failed: rpc error', async (it) => it.runtime({ images: [] }), {}],
  [
    'code = DeadlineExceeded',
    async (it) => it.runtime({ images: cluster.lab.images.edge.filter((name) => !name.includes('pause')) }),
    {},
  ],
  ['expected cgroupsPath to be of format "slice:prefix:name"', async () => undefined, { cgroupdriver: 'cgroupfs' }],
  ['No such field:  in Config', async () => undefined, { set: 'modules.edged.nodeIP=127.0.0.1' }],
  ['No such field', async () => undefined, { set: 'modules.edgeStreem.enable=true' }],
  [
    'Provided value type string does not match target type bool',
    async () => undefined,
    { set: 'modules.edgeStream.enable=yes' },
  ],
  [
    'unsupported CGroupDriver: sytemd',
    async (it) => it.runtime({ cgroupDriver: 'cgroupfs' }),
    { cgroupdriver: 'sytemd' },
  ],
  ['without a full --kubeedge-version', async () => undefined, { 'kubeedge-version': 'latest' }],
  ['unknown flag: --runtimetype', async () => undefined, { runtimetype: 'remote' }],
  ['sudo: not found', async (it) => it.write('/bin/sudo', '#!/bin/sh\necho sudo: not found >&2; exit 127\n'), {}],
])('keadm join refuses: %s', async (words, spoil, change) => {
  const node = newEdge(
    `refused-${createHash('md5')
      .update(words + JSON.stringify(change))
      .digest('hex')
      .slice(0, 6)}`,
    2,
  )
  await spoil(node)
  const ran = await join(node, 2, change)
  expect(ran.stderr).toContain(words)
  expect(ran.exitCode).toBe(1)
})

test('what only edgecore’s journal tells: a damaged token, another CA, an address that is not in the certificate', async () => {
  const last = token.slice(0, -4) + (token.endsWith('AAAA') ? 'BBBB' : 'AAAA')
  const cases = [
    [{ token: last }, 2, 'token signature is invalid'],
    [{ token: `${'0'.repeat(64)}${token.slice(64)}` }, 2, 'failed to validate CA certificate'],
    [{}, 3, `x509: certificate is valid for ${addresses().replace(',', ', ')}, not ${cluster.address(3, 1)}`],
  ] as const
  for (const [change, lan, words] of cases) {
    const node = newEdge(`journal-${lan}-${words.length}`, lan)
    const ran = await node.runImpatiently(...joinWords(node.name, lan, change))
    expect(ran.stderr).toContain('edge node join failed: timed out waiting for the condition')
    expect(ran.stderr).not.toContain(words)
    await until(async () => node.log('edgecore').includes(words))
    expect(node.read('/etc/kubeedge/bootstrap-edgecore.conf')).toBeUndefined()
    expect((await join(node, lan)).stderr).toMatch(/EdgeCore is already running|is not clean/)
    await node.run('systemctl', 'stop', 'edgecore')
  }
})

test('an edge joins on its own LAN, with its labels, version and address', async () => {
  edge.write('/before.sh', 'echo before\n')
  edge.write('/after.sh', 'exit 3\n')
  const scripts = { 'pre-run': `${edge.root}/before.sh`, 'post-run': `${edge.root}/after.sh` }
  const joined = await must(join(edge, 2, { labels: 'device=camera', ...scripts }))
  expect(joined.stdout).toStartWith('before\n')
  expect(joined.stdout).toEndWith(`failed: failed to execute script ${edge.root}/after.sh: exit status 3\n`)
  const places = joined.stderr.match(/\w+\.go:\d+\] \d+\. [\w ]+/g)
  expect(places).toEqual([
    'join.go:68] 1. Executing pre',
    'join.go:73] 2. Check KubeEdge edgecore process status',
    'join.go:82] 3. Check if the management directory is clean',
    'join.go:97] 4. Check if the node name is valid',
    'join_others.go:190] 5. Create the necessary directories',
    'join_others.go:257] 6. Pull Images',
    'join_others.go:262] 7. Copy resources from the image to the management directory',
    'join_others.go:201] 8. Generate systemd service file',
    'join_others.go:218] 9. Generate EdgeCore default configuration',
    'join_others.go:223] 10. Run EdgeCore daemon',
    'join_others.go:243] 11. Install Complete',
  ])
  const config = edge.read('/etc/kubeedge/config/edgecore.yaml') ?? ''
  expect(config).toContain('cgroupDriver: systemd')
  expect(config).not.toContain(token)
  // With the token gone the file is written anew, with what customInterfaceName came to.
  expect(config).toContain(`nodeIP: ${cluster.address(2, 2)}\n`)
  const node = await until(async () => {
    const found = await cluster.json<{
      items: { metadata: { name: string; labels: object }; status: Record<string, unknown> }[]
    }>('nodes')
    return found.items.find(({ metadata }) => metadata.name === 'edge-1')
  })
  expect(node.metadata.labels).toMatchObject({
    device: 'camera',
    'node-role.kubernetes.io/edge': '',
    'node-role.kubernetes.io/agent': '',
  })
  const machineID = edge.read('/etc/machine-id')?.trim()
  expect(node.status.nodeInfo).toMatchObject({ kubeletVersion: `v1.32.10-kubeedge-${tag}`, machineID })
  // As kedge verify asks from the edge.
  const target = `${cluster.address(2, 1)}:10000`
  const asked = await edge.shell(
    `openssl s_client -connect ${target} -CAfile ${edge.root}/etc/kubeedge/ca/rootCA.crt -verify_ip ${cluster.address(2, 1)} -verify_return_error </dev/null 2>&1`,
  )
  expect(asked.stdout).toContain('Verification: OK')
  expect(node.status.addresses).toContainEqual({ type: 'InternalIP', address: cluster.address(2, 2) })
  const health = await fetch(`http://${cluster.address(9, 2)}:10350/healthz/syncloop`)
  expect(await health.text()).toBe('ok')
  expect((await join(newEdge('twin', 2), 2, { 'edgenode-name': 'edge-1' })).stderr).toContain('node already exists')
})

test('without a CNI configuration the edge is not Ready; an unguarded daemon lands on it, a guarded one does not', async () => {
  const ready = '{.status.conditions[?(@.type=="Ready")].message}'
  expect((await cluster.kubectl('get', 'node', 'edge-1', '-o', `jsonpath=${ready}`)).stdout).toContain(
    'cni plugin not initialized',
  )
  edge.write('/etc/cni/net.d/10-kedge.conflist', '{}')
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'node/edge-1', '--timeout=60s'))
  const onEdge = async () =>
    (await cluster.kubectl('get', 'pods', '-A', '--field-selector=spec.nodeName=edge-1', '-o', 'name')).stdout
  await until(async () => /kube-flannel-ds/.test(await onEdge()))
  expect(await onEdge()).not.toContain('kube-proxy')
  await guard(cluster, 'kube-flannel', 'kube-flannel-ds')
  await until(async () => !/kube-flannel-ds/.test(await onEdge()))
})

test('CoreDNS goes to an edge as soon as it is restarted, where its image is missing, until kedge guards it', async () => {
  const inSystem = (...words: readonly string[]) => must(cluster.kubectl('-n', 'kube-system', ...words))
  await inSystem('rollout', 'restart', 'deployment', 'coredns')
  const shown = async () => (await inSystem('get', 'pods', '-l', 'k8s-app=kube-dns', '-o', 'wide')).stdout
  await until(async () => /coredns-\S+ +0\/1 +ImagePullBackOff .* edge-1 /.test(await shown()))
  await guardWorkloads(clusterOf(contextOnEdge()))
  await inSystem('rollout', 'status', 'deployment', 'coredns', '--timeout=60s')
  await until(async () => !/ edge-1 /.test(await shown()))
  expect((await shown()).match(/1\/1 +Running .* master /g)).toHaveLength(2)
  // The guard is added to kubeadm's own affinity.
  const affinity = '{.spec.template.spec.affinity}'
  const { stdout } = await inSystem('get', 'deployment', 'coredns', '-o', `jsonpath=${affinity}`)
  expect(Object.keys(JSON.parse(stdout))).toEqual(['podAntiAffinity', 'nodeAffinity'])
  expect(await unguardedWorkloads(clusterOf(contextOnEdge()))).toEqual([])
})

/** kedge's own view of edge-1, its commands on the nodes' folders. */
function contextOnEdge() {
  const fakes: Readonly<Record<string, FakeNode>> = { master: cluster.master, 'edge-1': edge }
  const connection = ({ name }: { readonly name: string }): Connection => {
    const local = localConnection(name)
    const env = fakes[name]?.environment ?? {}
    return { ...local, bind: (binding) => local.bind({ ...binding, env: { ...binding.env, ...env } }) }
  }
  return contextMaker({
    topology: loadLab(),
    connection,
    bundle: () => {
      throw new TaskError({ kind: 'bundle', message: 'none' })
    },
    secret: createVault().secret,
    stateFolder: '/nonexistent',
    sleep: (seconds) => Bun.sleep(seconds * 200),
  })({ task: 'verify', node: 'edge-1' } as Instance, {
    signal: new AbortController().signal,
    fields: {} as never,
    onOutput: () => {},
  })
}

test('kedge’s smoke test passes on the edge, leaves its mark and no pod', async () => {
  const ctx = contextOnEdge()
  expect(await smokeMark(ctx).ask()).toEqual({ holds: false, figure: 'none has' })
  await passSmokeTest(ctx)
  expect((await smokeMark(ctx).ask())?.holds).toBe(true)
  const image = `docker.io/kubeedge/installation-package:${tag}`
  const bridged = await runSmokePod(ctx, { image, hostNetwork: false })
  expect(bridged).toMatchObject({ runs: { holds: true }, log: { holds: true } })
  const absent = await runSmokePod(ctx, { image: 'docker.io/library/none:1', hostNetwork: true })
  expect(absent.runs).toMatchObject({ holds: false, figure: expect.stringMatching(/^ErrImageNeverPull: /) })
  await until(async () => (await cluster.kubectl('get', 'pods', '-o', 'name')).stdout === '')
})

test('without edgeStream there is no log, in the API server’s words', async () => {
  const path = '/etc/kubeedge/config/edgecore.yaml'
  const config = edge.read(path) ?? ''
  const deaf = config.replace(/(edgeStream:\n\s+enable: )true/, '$1false')
  expect(deaf).not.toBe(config)
  edge.write(path, deaf)
  await edge.run('systemctl', 'restart', 'edgecore')
  let looks = 0
  const now = () => {
    looks += 1
    return looks * 1000
  }
  const image = `docker.io/kubeedge/installation-package:${tag}`
  const { runs, log } = await runSmokePod(contextOnEdge(), { image, hostNetwork: true, now })
  expect(runs.holds).toBe(true)
  expect(log).toEqual({ holds: false, figure: 'Error from server (InternalError): Internal error occurred:' })
  edge.write(path, config)
  await edge.run('systemctl', 'restart', 'edgecore')
})

test('a pod runs on the edge and its log comes back through the tunnel, as long as an iptables-manager leads there', async () => {
  const overrides = '--overrides={"spec":{"nodeName":"edge-1"}}'
  const image = `--image=kubeedge/installation-package:${tag}`
  await must(
    cluster.kubectl('run', 'smoke', image, overrides, '--command', '--', 'sh', '-c', 'echo from the edge; sleep 1000'),
  )
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'pod/smoke', '--timeout=60s'))
  expect((await until(async () => (await cluster.kubectl('logs', 'smoke')).stdout)).trim()).toBe('from the edge')
  await must(cluster.kubectl('-n', 'kubeedge', 'delete', 'daemonset', 'cloud-iptables-manager'))
  await until(async () =>
    (await cluster.kubectl('logs', 'smoke')).stderr.includes(':10351/containerLogs/default/smoke/smoke'),
  )
  await must(cluster.kubectl('delete', 'pod', 'smoke', '--timeout=60s'))
})

test('a bridge keeps its address of another pod range, unless the configuration forces the new one', async () => {
  const conflist = '/etc/cni/net.d/10-kedge.conflist'
  const unforced = (range: string) => edgeNetwork(range).replace(/ *"forceAddress": true,\n/, '')
  expect(unforced('10.244.3.0/24')).not.toBe(edgeNetwork('10.244.3.0/24'))
  const pod = (name: string) =>
    must(
      cluster.kubectl(
        'run',
        name,
        `--image=kubeedge/installation-package:${tag}`,
        '--overrides={"spec":{"nodeName":"edge-1"}}',
        '--command',
        '--',
        'sh',
        '-c',
        'sleep 1000',
      ),
    )
  const runs = (name: string) => must(cluster.kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s'))
  edge.write(conflist, unforced('10.244.3.0/24'))
  await pod('before')
  await runs('before')
  edge.write(conflist, unforced('10.244.4.0/24'))
  await pod('after')
  const message = '{.status.containerStatuses[0].state.waiting.message}'
  await until(async () =>
    (await cluster.kubectl('get', 'pod', 'after', '-o', `jsonpath=${message}`)).stdout.endsWith(
      'plugin type="bridge" failed (add): failed to set bridge addr: "cni0" already has an IP address different from 10.244.4.1/24',
    ),
  )
  await runs('before')
  edge.write(conflist, edgeNetwork('10.244.4.0/24'))
  await runs('after')
  await must(cluster.kubectl('delete', 'pod', 'before', 'after', '--timeout=60s'))
})

test('a NIC without an address ends edgecore that is to take it; an address that is nowhere only leaves the status', async () => {
  const path = '/etc/kubeedge/config/edgecore.yaml'
  const config = edge.read(path) ?? ''
  edge.state({ interfaces: ['lan1'] })
  await edge.run('systemctl', 'stop', 'edgecore')
  edge.write(path, config.replace('customInterfaceName: eth0', 'customInterfaceName: lan1'))
  const ended = await edge.run('edgecore')
  expect(ended.stderr).toEndWith(
    'server.go:128] Failed to get IP address by custom interface lan1, err: unable to select an IP from lan1 network interface\n',
  )
  expect(ended.exitCode).toBe(1)
  edge.write(path, config.replace('customInterfaceName: eth0', 'customInterfaceName: lan2'))
  expect((await edge.run('edgecore')).stderr).toEndWith('lan2, err: route ip+net: no such network interface\n')

  const elsewhere = cluster.address(2, 7)
  edge.write(path, config.replace(/ *customInterfaceName: eth0\n/, '').replace(/nodeIP: \S+/, `nodeIP: ${elsewhere}`))
  await edge.run('systemctl', 'start', 'edgecore')
  const addresses = async () =>
    (
      await cluster.json<{ status: { addresses: { type: string; address: string }[] } }>('node', 'edge-1')
    ).status.addresses.map(({ type, address }) => `${type} ${address}`)
  await until(async () => (await addresses()).length === 1)
  expect(edge.log('edgecore')).toContain(
    String.raw`err="failed to validate nodeIP: node IP: \"${elsewhere}\" not found in the host's network interfaces"`,
  )
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'node/edge-1', '--timeout=60s'))
  edge.state({ addresses: { [cluster.address(2, 2)]: 'eth0', [cluster.address(9, 2)]: 'eth1', [elsewhere]: 'lan1' } })
  await until(async () => (await addresses()).includes(`InternalIP ${elsewhere}`))
  edge.write(path, config)
  await edge.run('systemctl', 'restart', 'edgecore')
  await until(async () => (await addresses()).includes(`InternalIP ${cluster.address(2, 2)}`))
})

test('without edgecore the node stays Ready for 40 s after its last sign of life, then nobody knows', async () => {
  await edge.run('systemctl', 'stop', 'edgecore')
  const stamp = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+/, '')
  const renewTime = stamp(-36)
  const patch = JSON.stringify({ spec: { renewTime } })
  await must(cluster.kubectl('-n', 'kube-node-lease', 'patch', 'lease', 'edge-1', '--type=merge', '-p', patch))
  type Condition = { type: string; status: string; reason: string; lastTransitionTime: string }
  const ready = async () =>
    (await cluster.json<{ status: { conditions: Condition[] } }>('node', 'edge-1')).status.conditions.find(
      ({ type }) => type === 'Ready',
    )
  expect((await ready())?.status).toBe('True')
  const gone = await until(async () => {
    const condition = await ready()
    return condition?.status === 'True' ? undefined : condition
  })
  expect(gone).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' })
  expect(Date.parse(gone.lastTransitionTime) - Date.parse(renewTime)).toBeGreaterThanOrEqual(40_000)
  await edge.run('systemctl', 'start', 'edgecore')
  await must(cluster.kubectl('wait', '--for=condition=Ready', 'node/edge-1', '--timeout=60s'))
})

test('a deleted node stays away until edgecore starts again; a kubelet beside it stops it', async () => {
  await must(cluster.kubectl('delete', 'node', 'edge-1'))
  await edge.run('systemctl', 'restart', 'edgecore')
  await until(async () => (await cluster.kubectl('get', 'node', 'edge-1', '-o', 'name')).exitCode === 0)
  await edge.run('systemctl', 'stop', 'edgecore')
  const kubelet = Bun.spawn(['bash', '-c', 'echo kubelet > /proc/$$/comm; read -t 60 <> <(:)'], {
    env: { KEDGE_STANDIN_ROOT: edge.root },
  })
  const ran = await edge.shell('sleep 0.3; edgecore')
  expect(ran.stderr).toContain('kubelet should not be running on edge node when starting edgecore')
  kubelet.kill()
})

test('keadm reset edge stops at the first folder that is not there', async () => {
  edge.write('/var/lib/kubelet/pods/x', '')
  const ran = await must(edge.run('keadm', 'reset', 'edge', '--force'))
  expect(ran.stderr).toContain('reset edge node successfully!')
  expect(edge.read('/etc/systemd/system/edgecore.service')).toBeUndefined()
  expect(edge.read('/etc/kubeedge/config/edgecore.yaml')).toBeUndefined()
  expect(edge.read('/var/lib/kubelet/pods/x')).toBe('')
  clear(edge)
})

test('a second LAN is in the certificate only after cloudcoresecret went; the CA stays', async () => {
  const config =
    (await cluster.json<{ data: Record<string, string> }>('configmap', 'cloudcore', '-n', 'kubeedge')).data[
      'cloudcore.yaml'
    ] ?? ''
  const more = config.replace(
    /^(\s*)advertiseAddress:.*\n/m,
    (line, indent: string) => `${line}${indent}- ${cluster.address(3, 1)}\n`,
  )
  await must(
    cluster.kubectl(
      '-n',
      'kubeedge',
      'patch',
      'configmap',
      'cloudcore',
      '--type=merge',
      '-p',
      JSON.stringify({ data: { 'cloudcore.yaml': more } }),
    ),
  )
  const names = async () =>
    (
      await cluster.master.shell(
        `openssl s_client -connect ${cluster.address(3, 1)}:10002 </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName`,
      )
    ).stdout
  const restart = async () => {
    await must(cluster.kubectl('-n', 'kubeedge', 'rollout', 'restart', 'deployment', 'cloudcore'))
    await must(cluster.kubectl('-n', 'kubeedge', 'rollout', 'status', 'deployment', 'cloudcore', '--timeout=60s'))
    await until(async () => (await names()) !== '')
  }
  await restart()
  expect(await names()).not.toContain(cluster.address(3, 1))
  await must(cluster.kubectl('-n', 'kubeedge', 'delete', 'secret', 'cloudcoresecret'))
  await restart()
  await until(async () => (await names()).includes(cluster.address(3, 1)))
  expect((await keadm('gettoken', admin)).stdout.slice(0, 64)).toBe(token.slice(0, 64))
})
