import { describe, expect, test } from 'bun:test'
import {
  brokerImage,
  brokerObject,
  chartBroker,
  isBroker,
  mqttMode,
  mustHaveBroker,
  mustHoldBroker,
  repositoryAndTag,
} from '../../lib/kubeedge/mqtt.ts'
import { failureOf, loadLab, sceneOn } from '../tasks/context.ts'

const labWith = (keys: string) =>
  loadLab((text) => text.replace(/^kubeedge:.*$/m, `kubeedge: { version: 1.23.1, ${keys} }`))

test('edgecore is its own broker, or asks one on the machine', () => {
  expect((['none', 'host', 'bundle'] as const).map(mqttMode)).toEqual([0, 2, 2])
})

describe('the broker’s image', () => {
  const lacking =
    'bundle: the bundle has no image docker.io/library/eclipse-mosquitto:1.6.15, and the file says `mqtt: bundle`'
  test.each([
    [['a/b:1', chartBroker], chartBroker],
    [['docker.io/library/eclipse-mosquitto:2.0.22', chartBroker], chartBroker],
    [['10.0.0.1:5000/eclipse-mosquitto:2.0.22'], '10.0.0.1:5000/eclipse-mosquitto:2.0.22'],
  ])('of %j is %s', (names, image) => expect(brokerImage(names)).toBe(image))

  test('is missed by name', async () => {
    const near = [
      'docker.io/library/eclipse-mosquitto-exporter:1',
      'docker.io/x/mosquitto:2',
      'x/eclipse-mosquitto:1/y:2',
    ]
    expect(near.filter(isBroker)).toEqual([])
    expect(await failureOf(Promise.try(() => brokerImage(near)))).toBe(lacking)
  })

  test('is missed before anything is touched, and only where the file asks for it', async () => {
    const holds = (keys: string, names: readonly string[]) =>
      failureOf(Promise.try(() => mustHoldBroker(labWith(keys), () => names)))
    expect(await holds('mqtt: bundle', ['docker.io/library/busybox:1'])).toBe(lacking)
    expect(await holds('mqtt: bundle', [chartBroker])).toBe('no failure')
    for (const mqtt of ['host', 'none']) expect(await holds(`mqtt: ${mqtt}`, [])).toBe('no failure')
  })

  test('is missed for the edge’s own architecture', async () => {
    const topology = loadLab((text) =>
      text
        .replace(/^kubeedge:.*$/m, 'kubeedge: { version: 1.23.1, mqtt: bundle }')
        .replace('edge-2: { role: edge,', 'edge-2: { role: edge, architecture: arm64,'),
    )
    const imagesFor = (architecture: string) => (architecture === 'amd64' ? [chartBroker] : [])
    expect(await failureOf(Promise.try(() => mustHoldBroker(topology, imagesFor)))).toBe(lacking)
    expect(await failureOf(Promise.try(() => mustHoldBroker(labWith('mqtt: bundle'), imagesFor)))).toBe('no failure')
  })

  test('has a repository, which may have a port, and a tag', () => {
    expect(repositoryAndTag('10.0.0.1:5000/eclipse-mosquitto:2.0.22')).toEqual({
      repository: '10.0.0.1:5000/eclipse-mosquitto',
      tag: '2.0.22',
    })
  })
})

test('the broker’s DaemonSet is for edges alone, on their own network, and belongs to the release of Helm', () => {
  const object = brokerObject('kubeedge', chartBroker)
  expect(object).toMatchObject({
    kind: 'DaemonSet',
    metadata: {
      name: 'edge-eclipse-mosquitto',
      namespace: 'kubeedge',
      annotations: { 'meta.helm.sh/release-name': 'cloudcore', 'meta.helm.sh/release-namespace': 'kubeedge' },
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    },
    spec: { template: { spec: { hostNetwork: true, containers: [{ image: chartBroker }] } } },
  })
  expect(JSON.stringify(object)).toContain('"key":"node-role.kubernetes.io/edge","operator":"Exists"')
})

describe('`mqtt: host`', () => {
  const onEdge = (keys: string, exitCode: number) =>
    sceneOn('edge-1', { topology: labWith(keys), rules: { 'edge-1': [[/127\.0\.0\.1\/1883/, { exitCode }]] } })

  test('a broker that answers is taken', async () => {
    expect(await failureOf(mustHaveBroker(onEdge('mqtt: host', 0).ctx))).toBe('no failure')
  })

  test('one that does not is told before the join', async () => {
    expect(await failureOf(mustHaveBroker(onEdge('mqtt: host', 1).ctx))).toBe(
      'command: edge-1 has no MQTT broker: nothing answers on 127.0.0.1:1883, and the file says `mqtt: host`',
    )
  })

  test('nobody is asked where the file says otherwise', async () => {
    for (const mqtt of ['bundle', 'none']) {
      const { ctx, steps } = onEdge(`mqtt: ${mqtt}`, 1)
      await mustHaveBroker(ctx)
      expect(steps).toEqual([])
    }
  })
})
