import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { parseDocuments } from '../../lib/topology/parse-documents.ts'
import initCloudcore from '../../tasks/init-cloudcore.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { listJson } from '../distribution/kubectl-answers.ts'
import { failureOf, loadLab, sceneOn } from './context.ts'
import { labPieces } from './lab-bundle.ts'

const addresses = ['192.168.23.10', '192.168.24.1', '192.168.24.9', '203.0.113.10']

/** Shaped like the chart's ConfigMap: the list stands at its key's own depth. */
const cloudcoreYaml = (
  advertised: readonly string[],
  quic = false,
) => `apiVersion: cloudcore.config.kubeedge.io/v1alpha2
kind: CloudCore
commonConfig:
  tunnelPort: 10350
  monitorServer:
    bindAddress: 127.0.0.1:9091
modules:
  cloudHub:
    advertiseAddress:
${advertised.map((address) => `    - ${address}\n`).join('')}    dnsNames:
    enable: true
    https:
      address: 0.0.0.0
      port: 10002
    quic:
      address: 0.0.0.0
      enable: ${quic}
      port: 10001
  cloudStream:
    enable: true
    tunnelPort: 10004
`

type State = {
  deployed?: boolean
  release?: boolean
  advertised?: readonly string[]
  replicas?: number
  silent?: string[]
  quic?: boolean
  /** The image of the edges' broker. */
  broker?: string | undefined
  /** Of the file. */
  kubeedge?: string
}

/** A cluster with what keadm, Helm and kubectl leave in it. */
function cloud(
  {
    deployed = false,
    release = deployed,
    advertised = addresses,
    replicas = 1,
    silent = [],
    quic = false,
    ...state
  }: State,
  more: Rule[] = [],
  bundle?: string,
) {
  let [isDeployed, hasRelease, config] = [deployed, release, cloudcoreYaml(advertised, quic)]
  let { broker } = state
  const json = (value: object) => `${JSON.stringify(value, null, 4)}\n`
  const deployment = () => (isDeployed ? json({ kind: 'Deployment', status: { availableReplicas: replicas } }) : '')
  const configMap = () => (isDeployed ? json({ kind: 'ConfigMap', data: { 'cloudcore.yaml': config } }) : '')
  const daemonSet = () =>
    broker
      ? json({ kind: 'DaemonSet', spec: { template: { spec: { containers: [{ name: 'x', image: broker }] } } } })
      : ''
  const scene = sceneOn('master', {
    ...(bundle ? { bundle } : {}),
    ...(state.kubeedge
      ? { topology: loadLab((text) => text.replace(/^kubeedge:.*$/m, `kubeedge: ${state.kubeedge}`)) }
      : {}),
    rules: {
      master: [
        ...more,
        [/get -n kubeedge deployment cloudcore /, () => deployment()],
        [/get -n kubeedge configmap cloudcore /, () => configMap()],
        [/get -n kubeedge daemonset edge-eclipse-mosquitto /, () => daemonSet()],
        [
          /get -n kubeedge deployment\/cloudcore configmap\/cloudcore daemonset\/edge-eclipse-mosquitto /,
          () => {
            const found = [deployment(), configMap(), daemonSet()].filter((text) => text !== '')
            return found.length === 0 ? '' : listJson(found.map((text) => JSON.parse(text)))
          },
        ],
        [
          / apply -f -$/,
          ({ input }) => {
            broker = JSON.parse(input).items[0].spec.template.spec.containers[0].image
            return 'daemonset.apps/edge-eclipse-mosquitto configured\n'
          },
        ],
        [
          /delete daemonset edge-eclipse-mosquitto/,
          () => {
            broker = undefined
            return ''
          },
        ],
        ["ss -Hlun 'sport = :10001'", 'UNCONN 0 0 *:10001 *:*\n'],
        [
          /get -n kubeedge secret -l 'owner=helm,name=cloudcore' /,
          () => listJson(hasRelease ? [{ kind: 'Secret', data: { release: 'SDRzSUFBQUFBQUFDLzEyTUlHZUxx' } }] : []),
        ],
        [/^for target in/, () => silent.map((each) => `${each} 1\n`).join('')],
        [
          /^keadm init/,
          () => {
            if (hasRelease) return { stderr: 'Error: cannot re-use a name that is still in use\n', exitCode: 1 }
            isDeployed = hasRelease = true
            return 'CLOUDCORE started\n'
          },
        ],
        [
          /delete namespace kubeedge/,
          () => {
            isDeployed = hasRelease = false
            return ''
          },
        ],
        [
          /patch configmap cloudcore/,
          ({ command }) => {
            config = JSON.parse(/-p '(.*)'$/s.exec(command)?.[1] ?? '').data['cloudcore.yaml']
            return 'configmap/cloudcore patched\n'
          },
        ],
        [/delete secret cloudcoresecret|rollout restart/, ''],
      ],
    },
    onSleep: () => silent.splice(0),
  })
  const changes = () =>
    scene.steps
      .filter((step) => !/ get |for target/.test(step))
      .map((step) => step.replace(/^master\$ (kubectl --kubeconfig=\S+ )?/, ''))
  return { ...scene, changes, config: () => config }
}

describe('check', () => {
  test.each<[string, State, string]>([
    ['nothing there', {}, 'CloudCore is not deployed'],
    ['half-made: a release without its deployment', { release: true }, 'CloudCore is not deployed'],
    [
      'a LAN that came later',
      { deployed: true, advertised: addresses.slice(0, 2) },
      'CloudCore does not advertise 192.168.24.9, 203.0.113.10',
    ],
    [
      'an address that only begins alike',
      { deployed: true, advertised: ['192.168.23.10', '192.168.24.1', '192.168.24.90', '203.0.113.10'] },
      'CloudCore does not advertise 192.168.24.9',
    ],
    ['not up yet', { deployed: true, replicas: 0 }, 'CloudCore is not available'],
    [
      'up, but silent on some',
      { deployed: true, silent: ['192.168.24.9/10000', '192.168.24.9/10004'] },
      'CloudCore does not answer on 192.168.24.9:10000, 192.168.24.9:10004',
    ],
  ])('%s', async (_, state, why) => expect(await initCloudcore.check(cloud(state).ctx)).toEqual({ done: false, why }))

  test('done: every address is asked on 10000, 10002 and 10004', async () => {
    const { ctx, steps } = cloud({ deployed: true })
    expect(await initCloudcore.check(ctx)).toEqual({ done: true })
    const asked = /for target in ([^;]*);/.exec(steps.at(-1) ?? '')?.[1]?.split(' ')
    expect(asked).toEqual(addresses.flatMap((address) => [10000, 10002, 10004].map((port) => `${address}/${port}`)))
  })
})

describe('run', () => {
  test('from nothing: one keadm init with every LAN, then waits until all answer', async () => {
    const { ctx, changes, said, sleeps } = cloud({ silent: ['192.168.24.1/10000'] })
    await initCloudcore.run(ctx)
    expect(changes()).toEqual([
      expect.stringMatching(
        /^keadm init --advertise-address=192\.168\.23\.10,192\.168\.24\.1,192\.168\.24\.9,203\.0\.113\.10 --kubeedge-version=v1\.23\.1 /,
      ),
    ])
    expect(changes()[0]).toContain('iptablesManager.framework=legacy')
    expect(said).toEqual(['CloudCore does not answer on 192.168.24.1:10000'])
    expect(sleeps).toEqual([0.5])
  })

  test('with the nft image in the bundle, nft', async () => {
    const image = { name: 'docker.io/kubeedge/iptables-manager-nft:v1.23.1', kind: 'image' as const }
    const { ctx, changes } = cloud({}, [], makeBundle([...labPieces, image]))
    await initCloudcore.run(ctx)
    expect(changes()[0]).toContain('iptablesManager.framework=nft')
  })

  test('after a keadm init that was killed: its release goes first, since the next one would refuse', async () => {
    const { ctx, changes } = cloud({ release: true })
    await initCloudcore.run(ctx)
    expect(changes()).toEqual(['delete namespace kubeedge --wait=true', expect.stringMatching(/^keadm init /)])
  })

  test('one that is deployed is not deployed again, it is waited for', async () => {
    const { ctx, changes, sleeps } = cloud({ deployed: true, silent: ['192.168.24.1/10002'] })
    await initCloudcore.run(ctx)
    expect(changes()).toEqual([])
    expect(sleeps).toEqual([0.5])
  })

  test('a LAN that came later: the new address, a new server certificate from the same CA, a restart, in this order', async () => {
    const { ctx, changes, config } = cloud({ deployed: true, advertised: addresses.slice(0, 2) })
    await initCloudcore.run(ctx)
    expect(changes()).toEqual([
      expect.stringMatching(/^-n kubeedge patch configmap cloudcore --type=merge -p /),
      '-n kubeedge delete secret cloudcoresecret --ignore-not-found',
      '-n kubeedge rollout restart deployment cloudcore',
    ])
    const parsed = parseDocuments(config())
    const [value] = (parsed.ok ? parsed.values : []) as { modules: { cloudHub: Record<string, unknown> } }[]
    expect([value?.modules.cloudHub.advertiseAddress].flat().toSorted()).toEqual(addresses.toSorted())
    // The CA stays, and with it every edge that has joined; the rest of the configuration stays, too.
    expect(changes().join('\n')).not.toContain('casecret')
    expect(
      config()
        .split('\n')
        .filter((line) => !/^ +- /.test(line)),
    ).toEqual(
      cloudcoreYaml([])
        .split('\n')
        .filter((line) => !/^ +- /.test(line)),
    )
  })

  test('one that does not come up: its pods say why, while there is time to ask', async () => {
    const over = new AbortController()
    const message = 'Back-off pulling image "docker.io/kubeedge/cloudcore:v1.23.1"'
    const pod = {
      metadata: { name: 'cloudcore-x' },
      status: { containerStatuses: [{ state: { waiting: { message } } }] },
    }
    const { ctx, sleeps } = cloud({ deployed: true, replicas: 0 }, [
      [/get -n kubeedge pods /, listJson([pod])],
      [/get -n kubeedge events | logs deployment\/cloudcore/, ''],
    ])
    const sleep = async (seconds: number) => {
      if (sleeps.length === 22) over.abort()
      over.signal.throwIfAborted()
      await ctx.sleep(seconds)
    }
    const failure = toFailure(await initCloudcore.run({ ...ctx, signal: over.signal, sleep }).catch((error) => error))
    expect(failure).toMatchObject({
      kind: 'timeout',
      cause: 'the image docker.io/kubeedge/cloudcore:v1.23.1 is not on master, and cannot be pulled from there',
      cure: 'kedge run load-kubeedge-images --on master',
    })
  })

  test("a keadm that fails says so, and the log holds nothing of Helm's release", async () => {
    const { ctx, log } = cloud({ release: true }, [[/^keadm init/, { stderr: 'Error: timed out\n', exitCode: 1 }]])
    expect(await failureOf(initCloudcore.run(ctx))).toMatch(/^command: “keadm init /)
    expect(log.join('\n')).not.toContain('SDRzSUFBQUFBQUFDLzEyTUlHZUxx')
  })
})

describe('`mqtt` and `protocol`', () => {
  const broker = 'docker.io/library/eclipse-mosquitto:1.6.15'
  const withBroker = () => makeBundle([...labPieces, { name: broker, kind: 'image', roles: ['edge'] }])
  const bundled = '{ version: 1.23.1, mqtt: bundle }'
  const quic = '{ version: 1.23.1, protocol: quic }'

  test('from nothing: both are said to keadm init', async () => {
    const { ctx, changes } = cloud({ kubeedge: '{ version: 1.23.1, mqtt: bundle, protocol: quic }' }, [], withBroker())
    await initCloudcore.run(ctx).catch(() => undefined)
    expect(changes()[0]).toContain(
      'cloudCore.modules.cloudHub.quic.enable=true,mosquitto.enable=true,mosquitto.image.repository=docker.io/library/eclipse-mosquitto,mosquitto.image.tag=1.6.15',
    )
  })

  test.each<[string, State, string | undefined]>([
    ['as the file says', { deployed: true, quic: true, kubeedge: quic }, undefined],
    ['QUIC since', { deployed: true, kubeedge: quic }, 'CloudCore has QUIC off, and the file says `protocol: quic`'],
    ['QUIC no more', { deployed: true, quic: true }, 'CloudCore has QUIC on, and the file says `protocol: websocket`'],
    ['a broker, as the file says', { deployed: true, broker, kubeedge: bundled }, undefined],
    [
      'a broker since',
      { deployed: true, kubeedge: bundled },
      `the MQTT broker of the edges is not deployed, not ${broker}`,
    ],
    [
      'another broker',
      { deployed: true, broker: 'docker.io/library/eclipse-mosquitto:2', kubeedge: bundled },
      `the MQTT broker of the edges is docker.io/library/eclipse-mosquitto:2, not ${broker}`,
    ],
    [
      'no broker any more',
      { deployed: true, broker },
      "the edges have an MQTT broker from KubeEdge's chart, and the file says `mqtt: none`",
    ],
    [
      'a broker of the machine’s own since',
      { deployed: true, broker, kubeedge: '{ version: 1.23.1, mqtt: host }' },
      "the edges have an MQTT broker from KubeEdge's chart, and the file says `mqtt: host`",
    ],
  ])('check: %s', async (_, state, why) =>
    expect(await initCloudcore.check(cloud(state, [], withBroker()).ctx)).toEqual(
      why === undefined ? { done: true } : { done: false, why },
    ),
  )

  test('check: QUIC is asked of the control plane itself, since UDP does not answer', async () => {
    const silent: Rule = ["ss -Hlun 'sport = :10001'", '']
    const { ctx } = cloud({ deployed: true, quic: true, kubeedge: quic }, [silent])
    expect(await initCloudcore.check(ctx)).toEqual({ done: false, why: 'CloudCore does not listen on UDP 10001' })
  })

  test('run: QUIC is switched on where CloudCore is, without another certificate', async () => {
    const { ctx, changes, config } = cloud({ deployed: true, kubeedge: quic })
    await initCloudcore.run(ctx)
    expect(changes()).toEqual([
      expect.stringMatching(/^-n kubeedge patch configmap cloudcore --type=merge -p /),
      '-n kubeedge rollout restart deployment cloudcore',
      "ss -Hlun 'sport = :10001'",
    ])
    const lines = (text: string) => text.split('\n').map((line) => line.trim())
    expect(lines(config())).toEqual(lines(cloudcoreYaml(addresses, true)))
    expect(await initCloudcore.check(ctx)).toEqual({ done: true })
  })

  test('run: the broker comes and goes where CloudCore is', async () => {
    const came = cloud({ deployed: true, kubeedge: bundled }, [], withBroker())
    await initCloudcore.run(came.ctx)
    expect(came.changes()).toEqual(['apply -f -'])
    expect(await initCloudcore.check(came.ctx)).toEqual({ done: true })
    const went = cloud({ deployed: true, broker })
    await initCloudcore.run(went.ctx)
    expect(went.changes()).toEqual(['-n kubeedge delete daemonset edge-eclipse-mosquitto --ignore-not-found'])
    expect(await initCloudcore.check(went.ctx)).toEqual({ done: true })
  })
})

test('the question whether a port answers, in a real shell', async () => {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } })
  const { ctx, steps } = cloud({ deployed: true })
  await initCloudcore.check(ctx)
  const script = (steps.at(-1) ?? '')
    .replace('master$ ', '')
    .replace(/for target in [^;]*;/, `for target in 127.0.0.1/${listener.port} 127.0.0.1/1;`)
  const run = Bun.spawn(['bash', '-euo', 'pipefail', '-c', script], { stdout: 'pipe', stderr: 'pipe' })
  expect({ out: await run.stdout.text(), error: await run.stderr.text(), code: await run.exited }).toEqual({
    out: '127.0.0.1/1 1\n',
    error: '',
    code: 0,
  })
  listener.stop(true)
})
