import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diagnosisJson, diagnosisText, exitCodeOfDiagnosis } from '../../lib/cli/diagnosis-text.ts'
import { diagnose } from '../../lib/diagnose/diagnose.ts'
import { firstFailure } from '../../lib/diagnose/diagnosis.ts'
import { TaskError } from '../../lib/event/failure.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { edgeJson, type NodeAnswer } from '../distribution/kubectl-answers.ts'
import { goldenIn } from '../golden-in.ts'
import { edgeFiles, machineRules } from '../kubeedge/fake-lab.ts'
import { makePki } from '../kubeedge/make-pki.ts'
import { tokenAndCaJson, tokenOf } from '../kubeedge/make-token.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { loadLab, sceneOn } from '../tasks/context.ts'
import { pauseImage } from '../tasks/lab-bundle.ts'

const address = '192.168.24.1'
const pki = makePki(['192.168.23.10', address])
const otherPki = makePki([address])
const packageImage = 'docker.io/kubeedge/installation-package:v1.23.1'
/** An hour after the certificates were made. */
const now = Math.floor(Date.now() / 1000) * 1000 + 3600_000
const hashOf = (der: Buffer) => createHash('sha256').update(der).digest('hex')
const http = (status: number, body: string | Buffer) =>
  Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\nContent-Type: x\r\n\r\n`), Buffer.from(body)]).toString('base64')
const unit = (active: string, sub: string, restarts = 0) =>
  `LoadState=loaded\nActiveState=${active}\nSubState=${sub}\nNRestarts=${restarts}\n`
const journal = (name: string) =>
  readFileSync(join(import.meta.dir, `../fixtures/failures/${name}.txt`), 'utf8').split('\n')[0]

type Edge = {
  facts?: Partial<Record<'route' | 'machine' | 'leftovers' | 'driver' | 'strangers', string>>
  joined?: boolean
  tools?: string
  /** Seconds that the edge's clock is ahead of everybody else's. */
  ahead?: number
  masterAhead?: number
  silent?: string
  ca?: Rule[1]
  name?: Rule[1]
  shown?: Rule[1]
  service?: string
  images?: string
  node?: Partial<NodeAnswer> | null
  token?: string
  edge?: readonly Rule[]
  master?: readonly Rule[]
  files?: Record<string, string>
  topology?: Topology
}

const token = (seconds = 11.3 * 3600, der = pki.caDer) =>
  tokenOf(hashOf(der), new Date(now + seconds * 1000), crypto.randomUUID())
const clock = (ahead = 0) => `${(now / 1000 + ahead).toFixed(9)}\n`

async function diagnosed(edge: Edge = {}) {
  const joined = edge.joined ?? true
  const facts = {
    route: `${address} dev ens4 src 192.168.24.2 uid 0`,
    machine: 'aa11',
    leftovers: joined ? 'ca certs config ' : '',
    driver: joined ? 'systemd' : '',
    strangers: '',
    ...edge.facts,
  }
  const given = edge.token ?? token()
  const service = edge.service ?? (joined ? unit('active', 'running') : 'LoadState=not-found\nActiveState=inactive\n')
  const node = edge.node === undefined ? (joined ? {} : null) : edge.node
  const scene = sceneOn('edge-1', {
    ...(edge.topology ? { topology: edge.topology } : {}),
    files: {
      'edge-1': { ...edgeFiles, ...(joined ? { '/etc/kubeedge/ca/rootCA.crt': pki.caPem } : {}), ...edge.files },
    },
    rules: {
      'edge-1': [
        ...(edge.edge ?? []),
        [
          /^echo "route /,
          `${Object.entries(facts)
            .map(([key, value]) => `${key} ${value}`)
            .join('\n')}\n${joined ? 'certificates yes\n' : ''}`,
        ],
        [/^for tool in /, edge.tools ?? 'curl\nopenssl\n'],
        ['date +%s.%N', clock(edge.ahead)],
        [/^systemctl show edgecore /, service.includes('\n\n') ? service : `${service}\n\n`],
        [/^for target in /, edge.silent ?? ''],
        [/ca\.crt/, edge.ca ?? http(200, pki.caDer)],
        [/\/node\/edge-1/, edge.name ?? (node ? http(200, 'Node founded') : http(404, 'Node not found'))],
        [/-showcerts/, edge.shown ?? pki.serverPem],
        [/images ls$/, `REF TYPE DIGEST\n${edge.images ?? `${pauseImage}\n${packageImage}\n`}`],
        ...machineRules,
      ],
      master: [
        ...(edge.master ?? []),
        ['date +%s.%N', clock(edge.masterAhead)],
        [/get node edge-1 /, node ? edgeJson({ machineID: 'aa11', ...node }) : ''],
        [/get -n kubeedge secret tokensecret casecret /, tokenAndCaJson(given === '' ? undefined : given)],
      ],
    },
  })
  const diagnosis = await diagnose(scene.ctx, () => now)
  const failed = diagnosis.steps.filter(({ state }) => state === 'FAIL').map(({ what, figure }) => `${what}: ${figure}`)
  const skipped = diagnosis.steps
    .filter(({ state }) => state === 'skip')
    .map(({ what, figure }) => `${what}: ${figure}`)
  const text = diagnosisText(diagnosis)
  return { ...scene, diagnosis, failed, skipped, text, first: firstFailure(diagnosis), token: given }
}

const golden = (name: string, text: string) =>
  goldenIn('why')(name, text.replace(/sha256 [0-9a-f]{16}/g, 'sha256 0123456789abcdef'))

describe('an edge with which nothing is wrong', () => {
  test('joined: every step has its figure', async () => {
    const { diagnosis, failed, text } = await diagnosed()
    expect(failed).toEqual([])
    expect(exitCodeOfDiagnosis(diagnosis)).toBe(0)
    await golden('healthy-edge.txt', text)
  })
  test('joined long ago, with a token that nobody refreshes and without the package that it came from', async () => {
    const { failed, skipped } = await diagnosed({ token: token(-86_400), images: `${pauseImage}\n` })
    expect(failed).toEqual([])
    expect(skipped).toEqual([
      'the token can be used: expired 1 d ago; not needed, the edge has its certificates',
      `the installation package is there: not there, and not needed any more: ${packageImage}`,
    ])
  })
  test('old errors in the journal of a Ready edge are no fault', async () => {
    const service = `${unit('active', 'running')}\n\n${journal('no-broker')}\n`
    expect((await diagnosed({ service })).failed).toEqual([])
  })
  test('nothing is changed, and no private key and no token reaches the output', async () => {
    const { diagnosis, steps, log, token } = await diagnosed()
    expect(steps.filter((step) => /write |put |apply|delete|rm |systemctl (?!show|is-active)/.test(step))).toEqual([])
    const all = [diagnosisText(diagnosis), diagnosisJson(diagnosis), ...log, ...steps].join('\n')
    for (const part of token.split('.').slice(1)) expect(all).not.toContain(part)
    expect(all).not.toContain('PRIVATE KEY')
  })
})

describe('each step fails by itself, and says what to type', () => {
  const lost: Rule[1] = { error: new TaskError({ kind: 'unreachable', message: 'root@192.168.22.21: no answer' }) }
  const join = 'kedge run join-edge --on edge-1'
  const rejoin = `kedge ssh edge-1 -- sudo keadm reset edge --force; ${join}`
  const setClock = 'kedge ssh edge-1 -- sudo date -s @$(date +%s)'
  const notReady = { ready: 'Unknown', message: 'Kubelet stopped posting node status.' } as const
  test('an edge whose own certificate is over', async () => {
    const certificate = readFileSync(new URL('../fixtures/tasks/expired-edge.crt', import.meta.url), 'utf8')
    const { failed, first } = await diagnosed({
      files: { '/etc/kubeedge/certs/server.crt': certificate },
      node: notReady,
    })
    expect(failed[0]).toMatch(/^the edge's certificate is good: ended \d+ d/)
    expect(first).toMatchObject({ cause: expect.stringMatching(/^the certificate of edge-1 has expired/), cure: join })
  })

  test.each<[string, Edge, string, RegExp, string]>([
    [
      'a clock behind the control plane’s',
      { ahead: -61 },
      'clocks agree: -61 s to this machine, -61 s to master',
      /^the clock of edge-1 is behind that of master: -61 s$/,
      setClock,
    ],
    [
      'a clock with the control plane, and both far from this machine’s',
      { ahead: 900, masterAhead: 900 },
      'clocks agree: +900 s to this machine, 0 s to master',
      /^the clock of edge-1 is ahead of this machine's: \+900 s$/,
      setClock,
    ],
    [
      'no route',
      { facts: { route: 'RTNETLINK answers: Network is unreachable' } },
      `a route to ${address}: RTNETLINK answers: Network is unreachable`,
      /knows no way to CloudCore/,
      'kedge ssh edge-1 -- ip -4 route',
    ],
    [
      'a port that nobody listens on',
      { silent: `${address}/10004 1\n` },
      `TCP ${address}:10004 answers: refused`,
      /:10004 from edge-1: nothing listens there$/,
      'kedge run open-ports init-cloudcore',
    ],
    [
      'a port that is filtered',
      { silent: `${address}/10000 124\n` },
      `TCP ${address}:10000 answers: no answer in 15 s`,
      /:10000 from edge-1: something filters it$/,
      'kedge run open-ports init-cloudcore',
    ],
    ['no CA', { ca: http(500, '') }, "/ca.crt is the token's CA: HTTP 500", /serves no CA/, 'kedge run init-cloudcore'],
    [
      'a token of another CA',
      { token: token(40_000, otherPki.caDer) },
      `/ca.crt is the token's CA: sha256 ${hashOf(pki.caDer).slice(0, 16)}…, the token's ${hashOf(otherPki.caDer).slice(0, 16)}…`,
      /^the join token belongs to another CA/,
      `kedge run get-token; ${join}`,
    ],
    [
      'an edge that joined before the CA was made anew',
      { files: { '/etc/kubeedge/ca/rootCA.crt': otherPki.caPem } },
      "the edge's CA is CloudCore's: another",
      /made anew after this edge had joined/,
      rejoin,
    ],
    [
      'a token that has expired by the edge’s clock',
      { joined: false, token: token(-90) },
      'the token can be used: expired 1 min 30 s ago',
      /^the join token has expired/,
      join,
    ],
    [
      'a token that expires during the join',
      { joined: false, token: token(200) },
      "the token can be used: 3 min 20 s left by the edge's clock",
      /^the join token has expired/,
      join,
    ],
    [
      'no token',
      { joined: false, token: '' },
      'the token can be used: there is no token yet',
      /there is no token/,
      join,
    ],
    [
      'a certificate without this address',
      { shown: makePki(['192.168.23.10']).serverPem },
      `the certificate of ${address}:10002 is for ${address}: for 192.168.23.10`,
      /names 192\.168\.23\.10, and not 192\.168\.24\.1/,
      'kedge run init-cloudcore',
    ],
    [
      'a certificate of another CA',
      { shown: otherPki.serverPem },
      `the certificate of ${address}:10002 is for ${address}: not signed by /ca.crt`,
      /another CA than the one that it serves/,
      'kedge kubectl -n kubeedge delete secret cloudcoresecret; kedge kubectl -n kubeedge rollout restart deployment cloudcore',
    ],
    [
      'the name taken by another machine',
      { joined: false, node: {}, facts: { machine: 'bb22' } },
      "the name edge-1 is free, or this edge's: 200, of another machine",
      /it is another machine$/,
      `kedge kubectl delete node edge-1; ${join}`,
    ],
    [
      'the name kept from an earlier join',
      { joined: false, node: {} },
      "the name edge-1 is free, or this edge's: 200, of an earlier join",
      /of an earlier join$/,
      join,
    ],
    [
      'a node object that somebody deleted',
      { node: null },
      "the name edge-1 is free, or this edge's: 404",
      /the cluster has no node of that name/,
      join,
    ],
    [
      'a CloudCore that cannot ask',
      { name: http(500, 'Failed to query node information') },
      "the name edge-1 is free, or this edge's: HTTP 500 Failed to query node information",
      /cannot ask the API server/,
      'kedge why master',
    ],
    [
      'a runtime that does not run',
      { edge: [containerdTells({ service: 'failed' })] },
      'containerd runs, with systemd cgroups: containerd is failed',
      /^containerd: containerd is failed$/,
      'kedge run install-runtime set-cgroup-driver --on edge-1',
    ],
    [
      'edgecore on another driver',
      { facts: { driver: 'cgroupfs' } },
      "edgecore's cgroup driver is the runtime's: cgroupfs",
      /edgecore is set up for cgroupfs/,
      rejoin,
    ],
    [
      'no sandbox image',
      { images: `${packageImage}\n` },
      `the sandbox image is there: not there: ${pauseImage}`,
      /pause:3\.10 is not on edge-1/,
      'kedge run load-kubeedge-images --on edge-1',
    ],
    [
      'no installation package',
      { joined: false, images: `${pauseImage}\n` },
      `the installation package is there: not there: ${packageImage}`,
      /installation-package:v1\.23\.1 is not on edge-1/,
      'kedge run load-kubeedge-images --on edge-1',
    ],
    [
      'a kubelet beside it',
      { facts: { strangers: 'kubelet' } },
      'no kubelet beside edgecore: kubelet runs',
      /a kubelet runs on edge-1/,
      'kedge ssh edge-1 -- sudo systemctl disable --now kubelet',
    ],
    [
      'what a cut-off join left',
      { joined: false, facts: { leftovers: 'config ' }, service: unit('inactive', 'dead') },
      '/etc/kubeedge is empty, or of this join: config',
      /an earlier join was cut off/,
      join,
    ],
    [
      'an edgecore that dies and comes back: its journal says why',
      {
        joined: false,
        facts: { leftovers: 'config ' },
        service: `${unit('activating', 'auto-restart', 31)}\n\n${journal('token-expired')}`,
      },
      'edgecore runs: activating (auto-restart), restarted 31 times',
      /^the join token has expired: CloudCore's refresh/,
      join,
    ],
    [
      'an edgecore that dies of something that nobody knows',
      { service: `${unit('failed', 'failed')}\n\nF1122 10:00:00.0  77 made.go:1] nobody knows this` },
      'edgecore runs: failed',
      /^edgecore says: F1122 10:00:00\.0 {2}77 made\.go:1\] nobody knows this$/,
      join,
    ],
    [
      'an edgecore that has no certificates yet',
      { joined: false, facts: { leftovers: 'config ' }, service: unit('active', 'running') },
      'edgecore runs: without certificates',
      /no certificates from CloudCore yet/,
      join,
    ],
    [
      'a node without a pod network',
      { node: { ready: 'False', message: 'container runtime network not ready: cni plugin not initialized' } },
      'node edge-1 is Ready: container runtime network not ready: cni plugin not initialized',
      /has no pod network yet/,
      'kedge run all --on edge-1',
    ],
    [
      'a node that stopped to report: the journal of an edgecore that runs says why',
      { node: notReady, service: `${unit('active', 'running')}\n\n${journal('ca-made-anew')}` },
      'node edge-1 is Ready: Kubelet stopped posting node status.',
      /do not have the same CA/,
      rejoin,
    ],
    [
      'one that has not joined',
      { joined: false },
      'node edge-1 is Ready: not in the cluster',
      /^edge-1 has not joined the cluster$/,
      join,
    ],
  ])('%s', async (_, edge, step, cause, cure) => {
    const { first, diagnosis, failed } = await diagnosed(edge)
    expect(failed[0]).toBe(step)
    expect(first?.cause).toMatch(cause)
    expect(first?.cure).toBe(cure)
    expect(exitCodeOfDiagnosis(diagnosis)).toBe(5)
  })

  test('a certificate that is not valid yet by the edge’s clock, whatever else that clock brings about', async () => {
    const { failed } = await diagnosed({ ahead: -86_400, masterAhead: -86_400 })
    expect(failed.find((line) => line.startsWith('the certificate'))).toMatch(/: valid .* to /)
  })

  test('an edge out of reach: exit 4, and what the cluster knows is still told', async () => {
    const { diagnosis, failed, text } = await diagnosed({ edge: [[/./, lost]], node: notReady })
    expect(failed).toEqual([
      'SSH reaches edge-1: root@192.168.22.21: no answer',
      'node edge-1 is Ready: Kubelet stopped posting node status.',
    ])
    expect(exitCodeOfDiagnosis(diagnosis)).toBe(4)
    await golden('unreachable-edge.txt', text)
  })

  test('a control plane out of reach: exit 4, and the edge is asked all the same', async () => {
    const { diagnosis, failed, skipped } = await diagnosed({ master: [[/./, lost]] })
    expect(failed).toEqual(['master answers for the cluster: root@192.168.22.21: no answer'])
    expect(skipped).toEqual([
      `/ca.crt is the token's CA: sha256 ${hashOf(pki.caDer).slice(0, 16)}…; the token cannot be asked for: root@192.168.22.21: no answer`,
      'the token can be used: root@192.168.22.21: no answer',
      'node edge-1 is Ready: the cluster cannot be asked',
    ])
    expect(exitCodeOfDiagnosis(diagnosis)).toBe(4)
  })

  test('a failed join as people read it', async () => {
    const service = `${unit('activating', 'auto-restart', 31)}\n\n${journal('address-not-in-certificate')}\n`
    const { text } = await diagnosed({
      joined: false,
      facts: { leftovers: 'config ' },
      silent: `${address}/10004 124\n`,
      service,
    })
    await golden('failed-join.txt', text)
  })
})

describe('with what the edge has', () => {
  test('nothing to speak TLS with: said, not guessed', async () => {
    const { failed, skipped, steps } = await diagnosed({ tools: '' })
    expect(failed).toEqual([])
    expect(skipped).toEqual([
      "/ca.crt is the token's CA: the node has no curl, openssl or python3",
      `the certificate of ${address}:10002 is for ${address}: the node has no openssl or python3`,
      "the name edge-1 is free, or this edge's: the node has no curl, openssl or python3",
    ])
    expect(steps.filter((step) => /curl -|s_client|python3 -c/.test(step))).toEqual([])
  })
  test.each([
    ['openssl alone', 'openssl\n', /openssl s_client -quiet/, /openssl s_client .*-showcerts/],
    ['python3 alone', 'python3\n', /^edge-1\$ python3 -c .*\/ca\.crt$/s, /get_server_certificate/],
  ])('%s', async (_, tools, get, certificate) => {
    const { failed, steps } = await diagnosed({ tools, edge: [[/get_server_certificate/, pki.serverPem]] })
    expect(failed).toEqual([])
    expect(steps.some((step) => get.test(step))).toBe(true)
    expect(steps.some((step) => certificate.test(step))).toBe(true)
  })
  test('curl alone does not tell the certificate', async () => {
    const { failed, skipped } = await diagnosed({ tools: 'curl\n' })
    expect(failed).toEqual([])
    expect(skipped).toEqual([
      `the certificate of ${address}:10002 is for ${address}: the node has no openssl or python3`,
    ])
  })
  test('a port that does not answer is not asked for what lies behind it', async () => {
    const { failed, skipped, steps } = await diagnosed({ silent: `${address}/10002 124\n` })
    expect(failed).toEqual([`TCP ${address}:10002 answers: no answer in 15 s`])
    expect(skipped.filter((line) => line.endsWith('10002 does not answer'))).toHaveLength(3)
    expect(steps.some((step) => /curl -|s_client/.test(step))).toBe(false)
  })
  test('something else on that port is no CloudCore', async () => {
    const { skipped } = await diagnosed({ ca: Buffer.from('220 mail ESMTP').toString('base64') })
    expect(skipped[0]).toBe("/ca.crt is the token's CA: what answers there does not speak HTTP")
  })
  test('over QUIC port 10000 is not needed, and 10001 cannot be knocked at', async () => {
    const topology = loadLab((text) => text.replace('kubeedge: {', 'kubeedge: { protocol: quic,'))
    const { diagnosis } = await diagnosed({ topology })
    const ports = diagnosis.steps
      .filter(({ what }) => /^(TCP|UDP)/.test(what))
      .map(({ state, what }) => `${state} ${what}`)
    expect(ports).toEqual([
      `ok TCP ${address}:10002 answers`,
      `ok TCP ${address}:10004 answers`,
      `skip UDP ${address}:10001 answers`,
    ])
  })
})

test('as JSON: the steps, the first cause and what to type', async () => {
  const { diagnosis } = await diagnosed({ joined: false })
  const found = JSON.parse(diagnosisJson(diagnosis))
  expect(found).toMatchObject({
    node: 'edge-1',
    role: 'edge',
    cause: 'edge-1 has not joined the cluster',
    type: 'kedge run join-edge --on edge-1',
  })
  expect(found.steps[0]).toEqual({ state: 'ok', what: 'SSH reaches edge-1', figure: 'has curl, openssl' })
  expect(JSON.parse(diagnosisJson((await diagnosed()).diagnosis))).not.toHaveProperty('cause')
})
