import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { createServer } from 'node:net'
import { addressesOf } from '../loopback.ts'
import { initConfiguration } from './configurations.ts'
import { type FakeLab, type FakeNode, fakeLab } from './fake-node.ts'

setDefaultTimeout(120_000)
const address = addressesOf(1)
let lab: FakeLab
let node: FakeNode
let count = 0

beforeAll(async () => {
  lab = await fakeLab(`/tmp/kedge-stand-in-preflight-${process.pid}`)
})
beforeEach(async () => {
  node = lab.node(`node-${++count}`, [address(1, 1)], 'cloud')
  await node.run('systemctl', 'enable', 'kubelet')
})
afterAll(() => lab.down())

const init = (options: Partial<Parameters<typeof initConfiguration>[0]> = {}, ...flags: readonly string[]) => {
  node.write('/init.yaml', initConfiguration({ name: node.name, address: address(1, 1), ...options }))
  return node.runImpatiently('kubeadm', 'init', '--config', '/init.yaml', ...flags)
}

test.each<[string, (node: FakeNode) => void]>([
  ['[ERROR Swap]', (it) => it.write('/proc/swaps', 'Filename Type\n/swapfile file 131068 0 -2\n')],
  ['[ERROR NumCPU]: the number of available CPUs 1', (it) => it.state({ cpus: 1 })],
  ['[ERROR Mem]: the system RAM (1024 MB)', (it) => it.state({ memoryMiB: 1024 })],
  ['[ERROR FileContent--proc-sys-net-ipv4-ip_forward]', (it) => it.write('/proc/sys/net/ipv4/ip_forward', '0\n')],
  [
    '[ERROR FileContent--proc-sys-net-bridge-bridge-nf-call-iptables]',
    (it) => it.write('/proc/sys/net/bridge/bridge-nf-call-iptables', '0\n'),
  ],
  ['[ERROR FileExisting-conntrack]: conntrack not found in system path', (it) => it.remove('/bin/conntrack')],
  ['[ERROR FileExisting-crictl]', (it) => it.remove('/usr/local/bin/crictl')],
  ['[ERROR KubeletVersion]', (it) => it.remove('/usr/local/bin/kubelet')],
  ['[ERROR Service-Kubelet]', (it) => it.remove('/etc/systemd/system/kubelet.service')],
  ['[ERROR CRI]', (it) => it.remove('/fake-runtime.json')],
  ['unknown service runtime.v1', (it) => it.runtime({ criDisabled: true })],
  ['[ERROR DirAvailable--var-lib-etcd]', (it) => it.write('/var/lib/etcd/member/x', '')],
  [
    '[ERROR FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml]',
    (it) => it.write('/etc/kubernetes/manifests/kube-apiserver.yaml', ''),
  ],
])('init refuses: %s', async (words, spoil) => {
  spoil(node)
  const ran = await init()
  expect(ran.stderr).toContain(words)
  expect(ran.exitCode).toBe(1)
  expect(node.read('/etc/kubernetes/admin.conf')).toBeUndefined()
})

test('init refuses a missing image by name, and a port in use', async () => {
  node.runtime({ images: lab.images.cloud.filter((name) => !name.includes('coredns')) })
  expect((await init()).stderr).toContain(
    '[ERROR ImagePull]: failed to pull image registry.k8s.io/coredns/coredns:v1.11.3',
  )
  const server = createServer().listen(6443, address(1, 1))
  await new Promise((done) => server.once('listening', done))
  expect((await init()).stderr).toContain('[ERROR Port-6443]: Port 6443 is in use')
  server.close()
})

test('an ignored error is a warning', async () => {
  node.state({ cpus: 1 })
  node.runtime({ images: [] })
  const ran = await init({}, '--ignore-preflight-errors=NumCPU')
  expect(ran.stderr).toContain('[WARNING NumCPU]')
  expect(ran.stderr).not.toContain('[ERROR NumCPU]')
})

test.each<[string, Parameters<typeof init>[0]]>([
  ['unknown field "nodeRegistration.criSockt"', { extra: { nodeRegistration: { criSockt: 'unix:///x' } } }],
  ['unknown field "timeoutz"', { extra: { timeoutz: {} } }],
  ['of type []v1beta4.Arg', { kubeletExtraArgs: { 'node-ip': '127.0.0.1' } }],
  ['of type map[string]string', { api: 'kubeadm.k8s.io/v1beta3', kubeletExtraArgs: [{ name: 'a', value: 'b' }] }],
  ['is registered for version "kubeadm.k8s.io/v1beta5"', { api: 'kubeadm.k8s.io/v1beta5' }],
])('the configuration file is refused: %s', async (words, options) => {
  const ran = await init(options)
  expect(ran.stderr).toContain(words)
  expect(ran.exitCode).toBe(1)
})

test('v1beta4 is unknown before 1.31', async () => {
  const old = await fakeLab(`/tmp/kedge-stand-in-old-${process.pid}`, { kubernetes: '1.30.7', kubeedge: '1.21.2' })
  const it = old.node('old', [address(5, 1)], 'cloud')
  it.write('/init.yaml', initConfiguration({ name: 'old', address: address(5, 1) }))
  const ran = await it.run('kubeadm', 'config', 'validate', '--config', '/init.yaml')
  expect(ran.stderr).toContain('no kind "InitConfiguration" is registered for version "kubeadm.k8s.io/v1beta4"')
  await old.down()
})

test('a runtime with another cgroup driver leaves the kubelet unhealthy, and init waits in vain', async () => {
  node.runtime({ cgroupDriver: 'cgroupfs' })
  const ran = await init()
  expect(ran.stdout).toContain('timed out waiting for the condition')
  expect(ran.stderr).toContain("couldn't initialize a Kubernetes cluster")
  expect(node.log('kubelet')).toContain(
    'kubelet cgroup driver: "systemd" is different from runtime cgroup driver: "cgroupfs"',
  )
})

test('an address that no interface has never serves', async () => {
  const ran = await init({ address: address(7, 7), kubeletExtraArgs: [{ name: 'node-ip', value: address(1, 1) }] })
  expect(ran.stderr).toContain("couldn't initialize a Kubernetes cluster")
})

test('unknown flags, versions and image lists', async () => {
  expect((await node.run('kubeadm', 'init', '--confg=x')).stderr).toContain('unknown flag: --confg')
  const version = await node.run('kubeadm', 'version', '-o', 'short')
  expect(version.stdout).toBe('v1.32.10\n')
  expect(version.stderr).toStartWith('[stand-in] ')
  const listed = await node.run('kubeadm', 'config', 'images', 'list', '--kubernetes-version', 'v1.32.10')
  expect(
    listed.stdout
      .trim()
      .split('\n')
      .filter((name) => !lab.images.cloud.includes(name)),
  ).toEqual([])
})

test('the kubelet refuses swap, and exits without its configuration', async () => {
  const start = () => node.run('kubelet', '--kubeconfig=/k', '--config=/var/lib/kubelet/config.yaml')
  expect((await start()).stderr).toContain('open /var/lib/kubelet/config.yaml: no such file or directory')
  node.write('/var/lib/kubelet/config.yaml', 'cgroupDriver: systemd\n')
  node.write('/proc/swaps', 'Filename Type\n/swapfile file 131068 0 -2\n')
  const ran = await start()
  expect(ran.stderr).toContain('running with swap on is not supported')
  expect(ran.exitCode).toBe(1)
})
