import { expect, test } from 'bun:test'
import { hostsFile, ownAddress } from '../../lib/machine/hosts-file.ts'
import { seedFiles, seedImage, serviceRoute } from '../../lib/machine/seed.ts'
import { expectGolden } from './expect-golden.ts'
import { lab, nodeOf, withNode } from './lab-for-tests.ts'

const keys = {
  hostPrivate: '-----BEGIN OPENSSH PRIVATE KEY-----\nnot one\n-----END OPENSSH PRIVATE KEY-----\n',
  hostPublic: 'ssh-ed25519 AAAAhost master',
  userPublic: 'ssh-ed25519 AAAAuser kedge',
}

const seedOf = (name: string, topology = lab) => seedFiles(topology, nodeOf(topology, name), keys)

test('the three files of a node, as cloud-init gets them', async () => {
  for (const name of ['master', 'edge-1']) {
    const files = seedOf(name)
    await expectGolden(
      `seed-${name}.txt`,
      Object.entries(files)
        .map(([file, text]) => `== ${file}\n${text}`)
        .join(''),
    )
  }
})

test('user-data is a cloud-config that any YAML reader takes', () => {
  const [first, ...rest] = seedOf('edge-1')['user-data'].split('\n')
  expect(first).toBe('#cloud-config')
  expect(JSON.parse(rest.join('\n'))).toMatchObject({
    ssh_keys: { ed25519_private: keys.hostPrivate },
    disable_root: false,
  })
})

test('the instance-id is another one whenever anything else is', () => {
  const id = (files: { readonly 'meta-data': string }): string => JSON.parse(files['meta-data'])['instance-id']
  const other = withNode('edge-1', { networks: nodeOf(lab, 'edge-1').networks.slice(0, 1) })
  const ids = [
    id(seedOf('edge-1')),
    id(seedOf('edge-2')),
    id(seedOf('edge-1', other)),
    id(seedFiles(lab, nodeOf(lab, 'edge-1'), { ...keys, hostPrivate: 'another' })),
  ]
  expect(new Set(ids).size).toBe(4)
  expect(id(seedOf('edge-1'))).toBe(ids[0] as string)
})

test('each name stands for an address that this node can reach, LANs before the management network', () => {
  const names = (name: string) => hostsFile(lab, nodeOf(lab, name)).trim().split('\n').slice(2)
  expect(names('master')).toEqual([
    '192.168.23.10 master',
    '192.168.23.11 worker',
    '192.168.24.2 edge-1',
    '192.168.24.10 edge-2',
  ])
  expect(names('worker')).toEqual([
    '192.168.23.10 master',
    '192.168.23.11 worker',
    '192.168.22.21 edge-1',
    '192.168.22.22 edge-2',
  ])
  expect(names('edge-2')).toEqual([
    '192.168.24.9 master',
    '192.168.22.11 worker',
    '192.168.22.21 edge-1',
    '192.168.24.10 edge-2',
  ])
})

test('a node alone, an existing machine on no network, a lab that is no cluster', () => {
  const bare = { ...lab, nodes: [{ ...nodeOf(lab, 'edge-1'), networks: nodeOf(lab, 'edge-1').networks.slice(0, 1) }] }
  expect(ownAddress(bare, nodeOf(bare, 'edge-1'))).toBe('192.168.22.21')
  const bench = { ...nodeOf(lab, 'edge-2'), networks: [] }
  const mixed = withNode('edge-2', bench)
  expect(hostsFile(mixed, nodeOf(mixed, 'master'))).not.toContain('edge-2')
  expect(serviceRoute(bare, nodeOf(bare, 'edge-1'), 'management')).toEqual([])
})

test('cloud nodes alone have a route for Services, on the cloud LAN alone, through a neighbour', () => {
  const routes = lab.nodes.flatMap((node) =>
    node.networks.flatMap(({ network }) =>
      serviceRoute(lab, node, network).map(({ to, via }) => [node.name, network, to, via]),
    ),
  )
  expect(routes).toEqual([
    ['master', 'cloud', '10.96.0.0/12', '192.168.23.11'],
    ['worker', 'cloud', '10.96.0.0/12', '192.168.23.10'],
  ])
})

test('a control plane alone on its LAN still has somewhere to point the route at', () => {
  const alone = { ...lab, nodes: [nodeOf(lab, 'master')] }
  expect(serviceRoute(alone, nodeOf(alone, 'master'), 'cloud')).toEqual([{ to: '10.96.0.0/12', via: '192.168.23.1' }])
})

test('the same lab gives the same bytes', () => {
  const image = () => new Bun.CryptoHasher('sha256').update(seedImage(lab, nodeOf(lab, 'master'), keys)).digest('hex')
  expect(image()).toBe(image())
})
