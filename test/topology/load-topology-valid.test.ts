import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Loaded, loadTopology } from '../../lib/topology/load-topology.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { fixtures } from './fixtures.ts'
import { base, known } from './known.ts'

// Not a promise about speed: a busy machine may take its time over the nastiest files.
setDefaultTimeout(60_000)

const texts = new Map(fixtures('valid').map(({ name, text }) => [name, text]))

function topologyOf(loaded: Loaded): Topology {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, null, 2))
  return loaded.topology
}

const load = (name: string): Topology =>
  topologyOf(loadTopology(texts.get(name) ?? '', `/labs/${name}/kedge.config.yaml`, known))
const taskOf = ({ tasks }: Topology, name: string) => tasks.find((wiring) => wiring.name === name)

test.each([...texts.keys()])('%s has no problem', (name) => {
  expect(load(name).lab).not.toBe('')
})

describe('the reference lab', () => {
  const topology = topologyOf(loadTopology(base, 'kedge.config.yaml', known))

  test('loads although it is the embedded file itself', () => {
    expect(topology.nodes.map(({ name, role }) => `${name} ${role}`)).toEqual([
      'master control-plane',
      'worker worker',
      'edge-1 edge',
      'edge-2 edge',
    ])
    expect(topology.bundle).toBe(`${process.cwd()}/bundle`)
  })

  test('gives each node its machine, its addresses and its runtime', () => {
    expect(topology.nodes[3]).toEqual({
      name: 'edge-2',
      role: 'edge',
      machine: { kind: 'vm', image: 'base', cpus: 2, memoryMiB: 4096, diskGiB: 20 },
      networks: [
        { network: 'management', address: '192.168.22.22', prefixLength: 24 },
        { network: 'edge-2', address: '192.168.24.10', prefixLength: 30 },
      ],
      labels: {},
      architecture: 'amd64',
      runtime: 'containerd',
    })
  })

  test('places a need where it stands in the text', () => {
    const need = taskOf(topology, 'disable-swap')?.needs[0]
    const line = base.split('\n')[(need?.place.line ?? 0) - 1] ?? ''
    expect(need?.place.file).toBe('kedge.config.yaml')
    expect(line.slice((need?.place.column ?? 0) - 1)).toStartWith(`${need?.task}]`)
  })
})

describe('a file that says little', () => {
  const topology = load('valid-one-edge')

  test('gets the embedded wiring, versions and defaults', () => {
    const reference = topologyOf(loadTopology(base, 'kedge.config.yaml', known))
    expect(topology.tasks.map(({ name }) => name)).toEqual(reference.tasks.map(({ name }) => name))
    expect(topology.kubernetes).toEqual(reference.kubernetes)
    expect(topology.kubeedge).toEqual(reference.kubeedge)
    expect(topology.hypervisor).toEqual({
      uri: 'qemu:///system',
      accelerator: 'auto',
      storage: '/var/lib/libvirt/images/kedge',
    })
    expect(topology.bundle).toBeUndefined()
  })

  test('says of a place that it is in the embedded file', () => {
    expect(taskOf(topology, 'verify')?.place.file).toBe('embedded kedge.config.yaml')
  })
})

describe('`kubeedge`', () => {
  test('says nothing: no broker of its own, WebSocket, listed versions only', () => {
    const { version, ...rest } = load('valid-one-edge').kubeedge
    expect(version).toMatch(/^1\.\d+\.\d+$/)
    expect(rest).toEqual({ mqtt: 'none', protocol: 'websocket', anyKubernetes: false })
  })

  test('lets a pair through that KubeEdge does not list, when it is told to', () => {
    const { kubeedge, kubernetes } = load('valid-any-kubernetes')
    expect(kubeedge).toEqual({ version: '1.23.1', mqtt: 'bundle', protocol: 'quic', anyKubernetes: true })
    expect(kubernetes.version).toBe('1.28.0')
  })
})

test('mirrors are as they are written, the authorities found from the file', () => {
  expect(load('valid-mirrors').mirrors).toEqual({
    sources: { kubernetes: 'https://mirror.example/k8s', debian: 'http://[fd00::1]:8080/debian' },
    registries: { 'docker.io': 'mirror.example:5000/hub', 'localhost:5000': 'http://10.0.0.5:5000' },
    proxy: 'http://proxy.example:3128',
    ca: '/labs/valid-mirrors/company.pem',
  })
  expect(load('valid-one-edge')).not.toHaveProperty('mirrors')
})

describe('existing machines', () => {
  const topology = load('valid-existing-machines')

  test('keep their way in, with defaults for what is not said', () => {
    expect(topology.nodes.map(({ machine }) => machine)).toEqual([
      { kind: 'existing', ssh: { host: '10.0.0.5', port: 22, user: 'pi', key: '~/.ssh/id_ed25519' } },
      {
        kind: 'existing',
        ssh: { host: '10.0.0.6', port: 22, user: 'pi', key: '/labs/valid-existing-machines/keys/worker' },
      },
      {
        kind: 'existing',
        ssh: {
          host: 'fd00::7',
          port: 2222,
          user: 'root',
          jump: { host: 'gate.example.com', port: 22, user: 'ops', jump: { host: '10.9.9.9', port: 22, user: 'root' } },
        },
      },
    ])
  })

  test('keep labels as they are written, whatever YAML takes them for', () => {
    const labels = { device: 'camera', gpu: 'true', release: '1.10', 'example.com/rack': 'r-7' }
    expect(topology.nodes[2]?.labels).toEqual(labels)
  })

  test('need no network', () => {
    expect(topology.networks).toEqual([])
    expect(topology.nodes[2]?.cloudcore).toBe('203.0.113.10')
    expect(topology.nodes.map(({ runtime }) => runtime)).toEqual(['containerd', 'containerd', 'cri-o'])
    expect(topology.bundle).toBe('/labs/bundle')
    expect(topology.kubernetes).toMatchObject({ distribution: 'k3s', version: '1.30.4+k3s1' })
  })
})

describe('`extends: none`', () => {
  const topology = load('valid-task-runner')

  test('leaves only the own tasks, in their order', () => {
    expect(topology.tasks.map(({ name }) => name)).toEqual(['fetch', 'nothing', 'unpack'])
    expect(topology.nodes).toEqual([])
  })

  test('takes commands and variables as they are written', () => {
    expect(taskOf(topology, 'nothing')).toMatchObject({ sh: 'true', env: { PORT: '8080', RATE: '1.10', DRY: 'false' } })
    expect(taskOf(topology, 'fetch')).toMatchObject({ check: 'test -s model.bin', timeoutSeconds: 5400, retries: 0 })
  })

  test('takes needs apart', () => {
    const unpack = taskOf(topology, 'unpack')
    expect(unpack?.needs.map(({ task, on }) => ({ task, on }))).toEqual([
      { task: 'fetch', on: undefined },
      { task: 'nothing', on: ['hypervisor'] },
      { task: 'nothing', on: ['all'] },
    ])
    expect(unpack).toMatchObject({ script: '/labs/valid-task-runner/tasks/unpack.ts', on: ['hypervisor'], retries: 3 })
  })
})

describe('tasks of a file that has both', () => {
  const topology = load('valid-merge')

  test('keep what the file does not say', () => {
    const join = taskOf(topology, 'join-edge')
    expect(join).toMatchObject({ timeoutSeconds: 1200, retries: 2, on: ['edge'], phase: 'installation' })
    expect(join?.needs.map(({ task }) => task)).toEqual([
      'disable-swap',
      'install-edgecore',
      'load-kubeedge-images',
      'send-token',
    ])
    expect(join?.place.file).toBe('/labs/valid-merge/kedge.config.yaml')
    expect(join?.needs[0]?.place.file).toBe('embedded kedge.config.yaml')
  })

  test('follow the embedded ones, and replace key by key', () => {
    expect(topology.tasks.at(-1)?.name).toBe('fetch-model')
    const verify = taskOf(topology, 'verify')
    expect(verify?.needs.map(({ task }) => task)).toEqual(['join-edge', 'fetch-model', 'get-token'])
    expect(verify).toMatchObject({ env: { VERBOSE: '1' }, phase: 'verification' })
  })

  test('that are null are removed and keep what they needed', () => {
    const removed = load('valid-null').tasks.filter((wiring) => wiring.removed)
    expect(removed.map(({ name, needs }) => [name, needs.map(({ task }) => task)])).toEqual([
      ['open-ports', ['create-vms']],
      ['install-network', ['init-cluster']],
    ])
  })
})

test('CRLF and a byte order mark change nothing', () => {
  const file = '/labs/valid-one-edge/kedge.config.yaml'
  const marked = topologyOf(loadTopology(`\ufeff${texts.get('valid-crlf')}`, file, known))
  expect(marked).toEqual(load('valid-one-edge'))
})

test('problems of the embedded file are told as such, after those of the user', () => {
  const loaded = loadTopology('version: 1\nlab: x\nextends: non\n', 'lab.yaml', {
    ...known,
    base: base.replace('on: edge', 'on: egde'),
  })
  expect(loaded.ok).toBe(false)
  if (loaded.ok) return
  expect(loaded.problems.map(({ file }) => file)).toEqual(['lab.yaml'])
  const cluster = loadTopology(texts.get('valid-one-edge') ?? '', 'lab.yaml', {
    ...known,
    base: base.replace('{ on: edge,', '{ on: egde,'),
  })
  expect(cluster).toMatchObject({ ok: false, problems: [{ file: 'embedded kedge.config.yaml' }] })
})

test('a file of more than 2 MiB is refused before it is parsed', () => {
  const loaded = loadTopology(`version: 1\n#${'x'.repeat(2 * 1024 * 1024)}`, 'big.yaml', known)
  expect(loaded).toMatchObject({
    ok: false,
    problems: [{ line: 1, column: 1, message: expect.stringContaining('2 MiB') }],
  })
})

test('names out of JavaScript itself are only names', () => {
  const text = `version: 1
lab: valueof
extends: none
nodes: { constructor: { role: edge, ssh: { host: a }, labels: { hasOwnProperty: x } } }
tasks:
  toString: { on: constructor, sh: echo, env: { __proto__: y } }
  valueOf: { on: nodes, sh: echo, needs: [toString@constructor] }
`
  const topology = topologyOf(loadTopology(text, 'lab.yaml', known))
  expect(topology.nodes[0]?.labels).toEqual({ hasOwnProperty: 'x' })
  expect(Object.entries(taskOf(topology, 'toString')?.env ?? {})).toEqual([['__proto__', 'y']])
  expect(loadTopology(text.replace('sh: echo', 'isPrototypeOf: echo'), 'lab.yaml', known).ok).toBe(false)
})
