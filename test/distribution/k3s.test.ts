import { describe, expect, test } from 'bun:test'
import { agentConfig, serverConfig } from '../../lib/distribution/k3s-config.ts'
import { k3sUnit } from '../../lib/distribution/k3s-service.ts'
import initCluster from '../../tasks/init-cluster.ts'
import joinWorker from '../../tasks/join-worker.ts'
import { failureOf } from '../tasks/context.ts'
import { begun, configFile, done, type Found, folder, k3sLab, k3sOn, manifest, tokenFile, version } from './fake-k3s.ts'
import { nodeJson } from './kubectl-answers.ts'

const containerd = { endpoint: 'unix:///run/containerd/containerd.sock', service: 'containerd' }
const topology = k3sLab()
const nodeOf = (name: string) => topology.nodes.find((node) => node.name === name) as (typeof topology.nodes)[number]
const ofServer = serverConfig(topology, nodeOf('master'), containerd)
const ofAgent = agentConfig(topology, nodeOf('worker'), containerd)
const nodeToken = `${folder}/server/node-token`
const kubelet = `${folder}/agent/client-kubelet.crt`
const start = (unit: string) =>
  `systemctl stop ${unit} && mv -f ${configFile}.kedge ${configFile} && systemctl enable ${unit} && systemctl start --no-block ${unit}`

describe('the control plane', () => {
  const whole: Found = {
    paths: [begun, done, nodeToken, `${folder}/agent`],
    files: { [configFile]: ofServer },
    state: 'active',
    node: nodeJson({ name: 'master', ready: 'False', version: `v${version}` }),
  }
  const afresh = [
    `write ${begun}`,
    `rm -f ${manifest}.skip`,
    `write ${configFile}.kedge`,
    start('k3s'),
    `write ${done}`,
  ]
  const changesOf = (scene: ReturnType<typeof k3sOn>) => scene.changes().map((step) => step.replace('master$ ', ''))

  test('check: done, also before there is a pod network', async () =>
    expect(await initCluster.check(k3sOn('master', whole).ctx)).toEqual({ done: true }))

  test.each<[string, Found, string]>([
    ['nothing there', {}, `K3s is not set up: ${configFile} is missing`],
    [
      'other flags',
      { ...whole, files: { [configFile]: ofServer.replace('none', 'vxlan') } },
      `${configFile} is not what kedge writes`,
    ],
    ['stopped', { ...whole, state: 'inactive' }, 'k3s is inactive'],
    [
      'in a circle of restarts',
      {
        ...whole,
        state: 'activating',
        complaint: 'time="2026-11-22T01:51:27Z" level=fatal msg="apiserver exited: no \\"default\\" route"',
      },
      'k3s is activating: apiserver exited: no "default" route',
    ],
    [
      'with a complaint that is not in its usual form',
      { ...whole, state: 'failed', complaint: 'level=error and the rest is lost' },
      'k3s is failed: level=error and the rest is lost',
    ],
    ['not registered', { ...whole, node: '' }, 'node master is not in the cluster'],
    [
      'another version than the file asks for',
      { ...whole, node: nodeJson({ name: 'master', version: 'v1.31.9+k3s1' }) },
      `master runs K3s v1.31.9+k3s1, not v${version}`,
    ],
    [
      'half-made: all there, but kedge was cut off',
      { ...whole, paths: [begun, nodeToken] },
      "K3s' first start did not come to its end",
    ],
    [
      'taken away by a human, with the mark left',
      { ...whole, paths: [begun, done] },
      "K3s' first start did not come to its end",
    ],
  ])('check: %s', async (_, found, why) =>
    expect(await initCluster.check(k3sOn('master', found).ctx)).toEqual({ done: false, why }),
  )

  test('check: an API server that does not answer', async () => {
    const refusedConnection = { stderr: 'The connection to the server 127.0.0.1:6443 was refused\n', exitCode: 1 }
    const { ctx } = k3sOn('master', { ...whole, rules: [[/ get nodes /, refusedConnection]] })
    expect(await initCluster.check(ctx)).toEqual({
      done: false,
      why: 'the API server does not answer: The connection to the server 127.0.0.1:6443 was refused',
    })
  })

  test('from nothing: the mark, the flags in a file that only root reads, one start, the other mark', async () => {
    const scene = k3sOn('master')
    await initCluster.run(scene.ctx)
    expect(changesOf(scene)).toEqual(afresh)
    expect(scene.file('master', configFile)).toBe(ofServer)
    expect(scene.mode('master', configFile)).toBe('600')
    expect(scene.said).toEqual(['k3s is activating'])
    expect(await initCluster.check(scene.ctx)).toEqual({ done: true })
  })

  test.each([
    ['while K3s wrote its certificates', ['server/tls', 'agent']],
    ['before K3s made anything', []],
  ])('after one that was cut off %s: its data goes, then from nothing', async (_, paths) => {
    const scene = k3sOn('master', { paths: [begun, ...paths.map((path) => `${folder}/${path}`)], state: 'activating' })
    await initCluster.run(scene.ctx)
    expect(changesOf(scene)).toEqual([
      `rm -f ${done}`,
      `systemctl stop k3s && rm -rf ${folder}/server ${folder}/agent /etc/rancher/k3s/k3s.yaml /etc/rancher/node/password`,
      ...afresh,
    ])
    expect(scene.has(`${folder}/server/tls`)).toBe(false)
    expect(await initCluster.check(scene.ctx)).toEqual({ done: true })
  })

  test('after one that was cut off when K3s was up already, its data stays', async () => {
    const scene = k3sOn('master', { ...whole, paths: [begun, nodeToken, `${folder}/server/tls`] })
    await initCluster.run(scene.ctx)
    expect(changesOf(scene)).toEqual([`rm -f ${done}`, ...afresh])
    expect(scene.has(`${folder}/server/tls`)).toBe(true)
  })

  test('flags that changed: one restart with the new ones, and nothing of the cluster goes', async () => {
    const scene = k3sOn('master', {
      ...whole,
      files: { [configFile]: ofServer.replace('192.168.24.9', '192.168.24.1') },
    })
    await initCluster.run(scene.ctx)
    expect(changesOf(scene)).toEqual(afresh.slice(1))
    expect(scene.file('master', configFile)).toBe(ofServer)
  })

  test('ranges that changed are refused, and nothing is touched', async () => {
    const scene = k3sOn('master', {
      ...whole,
      files: { [configFile]: ofServer.replace('10.244.0.0/16', '10.42.0.0/16') },
    })
    expect(await failureOf(initCluster.run(scene.ctx))).toBe(
      'refused: the cluster was made with podCidr 10.42.0.0/16 and serviceCidr 10.96.0.0/12, the file says 10.244.0.0/16 and 10.96.0.0/12',
    )
    expect(changesOf(scene)).toEqual([])
  })

  test("somebody else's K3s is refused, and nothing of it is touched", async () => {
    const scene = k3sOn('master', { paths: [`${folder}/agent`], state: 'active' })
    expect(await failureOf(initCluster.run(scene.ctx))).toBe(
      `refused: master is part of a Kubernetes cluster that kedge did not make (${folder}/agent)`,
    )
    expect(changesOf(scene)).toEqual([])
  })
})

describe('a worker', () => {
  const whole: Found = {
    paths: [begun, done, kubelet],
    files: { [configFile]: ofAgent },
    state: 'active',
    node: nodeJson({ name: 'worker', version: `v${version}` }),
  }
  const kubectl = '/var/lib/kedge/bin/kubectl --kubeconfig=/etc/rancher/k3s/k3s.yaml'
  const afresh = [
    `worker$ write ${begun}`,
    `master$ ${kubectl} -n kube-system delete secret worker.node-password.k3s --ignore-not-found`,
    `master$ cat ${nodeToken}`,
    `worker$ write ${tokenFile}`,
    `worker$ write ${configFile}.kedge`,
    `worker$ ${start('k3s-agent')}`,
    `worker$ write ${done}`,
  ]

  test('check: done', async () => expect(await joinWorker.check(k3sOn('worker', whole).ctx)).toEqual({ done: true }))

  test.each<[string, Found, string]>([
    ['nothing there', {}, `K3s is not set up: ${configFile} is missing`],
    ['stopped', { ...whole, state: 'failed' }, 'k3s-agent is failed'],
    ['not in the cluster', { ...whole, node: '' }, 'node worker is not in the cluster'],
    [
      'not Ready',
      { ...whole, node: nodeJson({ name: 'worker', ready: 'False', message: 'cni plugin not initialized' }) },
      'node worker is not Ready: cni plugin not initialized',
    ],
    [
      'in another version',
      { ...whole, node: nodeJson({ name: 'worker' }) },
      `worker runs K3s v1.32.10, not v${version}`,
    ],
    ['cut off', { ...whole, paths: [begun, kubelet] }, "K3s' first start did not come to its end"],
  ])('check: %s', async (_, found, why) =>
    expect(await joinWorker.check(k3sOn('worker', found).ctx)).toEqual({ done: false, why }),
  )

  test("from nothing: an old machine's password forgotten, the server's token in a file that only root reads, one start, Ready", async () => {
    const scene = k3sOn('worker')
    await joinWorker.run(scene.ctx)
    expect(scene.changes()).toEqual(afresh)
    expect(scene.file('worker', tokenFile)?.trim()).toBe(scene.token)
    expect(scene.mode('worker', tokenFile)).toBe('600')
    expect(scene.file('worker', configFile)).toBe(ofAgent)
    expect(await joinWorker.check(scene.ctx)).toEqual({ done: true })
  })

  test('the token is in no command, no line of the log, and not among the flags', async () => {
    const { ctx, log, host, token, file } = k3sOn('worker')
    await joinWorker.run(ctx)
    const seen = [...log, ...host('master').commands, ...host('worker').commands, file('worker', configFile)]
    expect(seen.join('\n')).not.toContain(token.slice(-16))
  })

  test('a K3s that complains of its token is quoted without it', async () => {
    const tokenText = `K10${'cd'.repeat(32)}::server:${crypto.randomUUID()}`
    const complaint = `time="2026-11-22T01:51:27Z" level=error msg="token ${tokenText} is not valid"`
    const { ctx, log } = k3sOn('worker', { tokenText, complaint })
    await joinWorker.run(ctx)
    expect(log).toContain('k3s-agent is activating: token *** is not valid')
    expect(log.join('\n')).not.toContain(tokenText.slice(-16))
  })

  test('after one that was cut off: its data goes, then from nothing', async () => {
    const scene = k3sOn('worker', { paths: [begun, `${folder}/agent`], state: 'activating' })
    await joinWorker.run(scene.ctx)
    expect(scene.changes()).toEqual([
      `worker$ rm -f ${done}`,
      `worker$ systemctl stop k3s-agent && rm -rf ${folder}/agent`,
      ...afresh,
    ])
  })

  test('one that had joined keeps its password, and gets the token that the server has now', async () => {
    const scene = k3sOn('worker', {
      ...whole,
      state: 'inactive',
      paths: [...(whole.paths ?? []), '/etc/rancher/node/password'],
    })
    await joinWorker.run(scene.ctx)
    expect(scene.changes()).toEqual(afresh.slice(2))
    expect(scene.has('/etc/rancher/node/password')).toBe(true)
  })

  test('a server without a token', async () => {
    const { ctx, changes } = k3sOn('worker', { tokenText: '\n' })
    expect(await failureOf(joinWorker.run(ctx))).toBe(`refused: the K3s server has no token: ${nodeToken} is empty`)
    expect(changes().at(-1)).toBe(`master$ cat ${nodeToken}`)
  })
})

describe('the service', () => {
  test('starts after the runtime of the node at every boot, tells when it is up, and leaves pods alone when it stops', () => {
    const { path, content } = k3sUnit('control-plane', { service: 'crio' })
    expect(path).toBe('/etc/systemd/system/k3s.service')
    expect(content).toMatch(/^After=network-online.target crio.service$/m)
    expect(content).toMatch(/^ExecStart=\/usr\/local\/bin\/k3s server$/m)
    for (const line of ['Type=notify', 'KillMode=process', 'Delegate=yes', 'TimeoutStartSec=0', 'Restart=always'])
      expect(content.split('\n')).toContain(line)
  })
  test('does not start without its flags, as what it would be by default', () =>
    expect(k3sUnit('worker', containerd).content).toMatch(new RegExp(`^ConditionPathExists=${configFile}$`, 'm')))
  test('is the agent on a worker', () => {
    expect(k3sUnit('worker', containerd).path).toBe('/etc/systemd/system/k3s-agent.service')
    expect(k3sUnit('worker', containerd).content).toMatch(/^ExecStart=\/usr\/local\/bin\/k3s agent$/m)
  })
})
