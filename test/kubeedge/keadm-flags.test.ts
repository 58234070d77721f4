import { expect, test } from 'bun:test'
import { initFlags } from '../../lib/kubeedge/cloudcore.ts'
import { joinFlags } from '../../lib/kubeedge/join.ts'
import { keadmReleases } from '../../lib/kubeedge/keadm-flags.ts'
import { compatibilities } from '../../lib/topology/compatibility.ts'

const kubeedgeOf = (minor: string) =>
  ({ version: `${minor}.0`, mqtt: 'none', protocol: 'quic', anyKubernetes: false }) as const
const joinOf = (minor: string) =>
  joinFlags({
    kubeedge: kubeedgeOf(minor),
    cloudcore: '192.168.24.1',
    nodeName: 'edge-1',
    endpoint: 'unix:///var/run/crio/crio.sock',
    labels: { device: 'camera' },
  })
const initOf = (minor: string) =>
  initFlags({
    addresses: ['192.168.24.1'],
    version: `${minor}.0`,
    kubeconfig: '/root/config',
    nodeName: 'master',
    iptables: 'nft',
    protocol: 'quic',
    broker: 'docker.io/library/eclipse-mosquitto:1.6.15',
  })
const names = (flags: readonly string[]) => flags.map((flag) => flag.replace(/=.*$/s, ''))
const keys = (flags: readonly string[]) =>
  (flags.find((flag) => flag.startsWith('--set='))?.slice(6) ?? '').split(',').map((item) => item.split('=')[0])

test('every release that a file may name has its row', () => {
  expect(Object.keys(keadmReleases)).toEqual(compatibilities.map(({ kubeedge }) => kubeedge))
})

/** The flags of `keadm join` in each release, as its source declares them, of those that kedge may say. */
const joinKnows: Record<string, readonly string[]> = Object.fromEntries(
  ['1.17', '1.18', '1.19', '1.20', '1.21', '1.22', '1.23'].map((minor) => [
    minor,
    [
      '--cloudcore-ipport',
      '--edgenode-name',
      '--kubeedge-version',
      '--hub-protocol',
      '--cgroupdriver',
      '--remote-runtime-endpoint',
      '--labels',
      ...(minor === '1.17' ? [] : ['--set']),
      ...(['1.17', '1.18', '1.19', '1.20'].includes(minor) ? ['--with-mqtt'] : []),
    ],
  ]),
)

test.each(Object.keys(keadmReleases))('%s: join says only what that keadm knows', (minor) => {
  for (const name of names(joinOf(minor))) expect(joinKnows[minor]).toContain(name)
  expect(names(joinOf(minor))).not.toContain('--with-mqtt')
})

test.each<[string, readonly string[]]>([
  // There is no --set: all of it is written after the join.
  ['1.17', ['']],
  // mqttMode has a type of its own, and a plain number is refused for it.
  ['1.18', ['modules.edgeStream.enable']],
  ['1.19', ['modules.edgeStream.enable']],
  ['1.20', ['modules.edgeStream.enable']],
  ['1.21', ['modules.edgeStream.enable', 'modules.eventBus.mqttMode']],
  ['1.22', ['modules.edgeStream.enable', 'modules.eventBus.mqttMode']],
  ['1.23', ['modules.edgeStream.enable', 'modules.eventBus.mqttMode']],
])('%s: join sets %j', (minor, wanted) => expect(keys(joinOf(minor))).toEqual([...wanted]))

test.each(Object.keys(keadmReleases))(
  '%s: init says what every release knows; the chart’s framework from 1.21 on',
  (minor) => {
    expect(names(initOf(minor))).toEqual([
      '--advertise-address',
      '--kubeedge-version',
      '--kube-config',
      '--set',
      '--force',
    ])
    expect(keys(initOf(minor)).includes('iptablesManager.framework')).toBe(Number(minor.slice(2)) >= 21)
    expect(keys(initOf(minor))).toContain('mosquitto.enable')
  },
)

test.each(
  Object.entries({
    '1.17': false,
    '1.18': false,
    '1.19': true,
    '1.20': true,
    '1.21': true,
    '1.22': true,
    '1.23': true,
  }),
)('%s: reset edge takes the runtime: %p', (minor, expected) =>
  expect(keadmReleases[minor]?.hasResetEndpoint).toBe(expected),
)
