import { describe, expect, test } from 'bun:test'
import { parse, parseAllDocuments } from 'yaml'
import { agentConfig, serverConfig } from '../../lib/distribution/k3s-config.ts'
import { initConfig, joinConfig } from '../../lib/distribution/kubeadm-config.ts'
import { sshWords } from '../../lib/host/open-ssh.ts'
import { joinFlags } from '../../lib/kubeedge/join.ts'
import { domainXml } from '../../lib/machine/domain-xml.ts'
import { hostsFile } from '../../lib/machine/hosts-file.ts'
import { networkXml } from '../../lib/machine/network-xml.ts'
import { seedFiles } from '../../lib/machine/seed.ts'
import { machineFiles } from '../../lib/machine/storage.ts'
import type { Node, Topology } from '../../lib/topology/topology.ts'
import { harmlessNames, hostileLabNames, hostilePath, labOf, type Names } from './accepted-lab.ts'

const hostile = labOf(hostileLabNames)
const harmless = labOf(harmlessNames)

const nodeOf = ({ nodes }: Topology, index: number) => nodes[index] as Node

/** What a real XML parser finds: every element with its attributes and its text. */
function elementsOf(
  xml: string,
): readonly (readonly [name: string, attributes: Record<string, string>, text: string])[] {
  const program = `import sys, json, xml.etree.ElementTree as tree
print(json.dumps([(e.tag, e.attrib, (e.text or '').strip()) for e in tree.fromstring(sys.stdin.buffer.read()).iter()]))`
  const parsed = Bun.spawnSync(['python3', '-c', program], { stdin: Buffer.from(xml) })
  if (!parsed.success) throw new Error(`no XML: ${parsed.stderr}\n${xml}`)
  return JSON.parse(parsed.stdout.toString())
}

/** Structure alone: keys and kinds, with names of the lab put back to what the harmless lab calls them. */
function outline(value: unknown, names: Names): unknown {
  const back = new Map(Object.entries(names).map(([key, name]) => [name, harmlessNames[key as keyof Names]]))
  const shape = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(shape)
    if (typeof part !== 'object' || part === null) return typeof part
    return Object.fromEntries(Object.entries(part).map(([key, each]) => [back.get(key) ?? key, shape(each)]))
  }
  return shape(value)
}

describe('in a lab of the most hostile names that are let through', () => {
  const spec = (topology: Topology, index: number) => ({
    lab: topology.lab,
    node: nodeOf(topology, index),
    machine: nodeOf(topology, index).machine as Extract<Node['machine'], { kind: 'vm' }>,
    files: machineFiles(topology, nodeOf(topology, index).name),
    accelerator: 'tcg' as const,
    architecture: 'x86_64' as const,
  })

  test.each([0, 1, 2])(
    'the definition of VM %i has the elements that it always has, and the path as it is',
    (index) => {
      const [found, usual] = [elementsOf(domainXml(spec(hostile, index))), elementsOf(domainXml(spec(harmless, index)))]
      const shape = (elements: typeof found) => elements.map(([name, attributes]) => [name, Object.keys(attributes)])
      expect(shape(found)).toEqual(shape(usual))
      const { disk, seed, console } = machineFiles(hostile, nodeOf(hostile, index).name)
      const files = found.flatMap(([, { file }]) => (file === undefined ? [] : [file]))
      expect(files).toEqual([disk, seed, console])
      expect(disk).toStartWith(`${hostilePath}/null/`)
      expect(found.find(([name]) => name === 'name')?.[2]).toBe(`null-${nodeOf(hostile, index).name}`)
    },
  )

  test('so have the definitions of networks', () => {
    for (const [index, network] of hostile.networks.entries()) {
      const found = elementsOf(networkXml(hostile.lab, network))
      const usual = elementsOf(networkXml(harmless.lab, harmless.networks[index] as Topology['networks'][number]))
      expect(found.map(([name]) => name)).toEqual(usual.map(([name]) => name))
      expect(found.find(([name]) => name === 'name')?.[2]).toBe(`null-${network.name}`)
    }
  }, 120_000)

  const keys = { hostPrivate: 'private\n', hostPublic: 'ssh-ed25519 AAAA', userPublic: 'ssh-ed25519 BBBB' }
  test.each([0, 1, 2])('cloud-init reads the same structure from the seed of VM %i, and names as text', (index) => {
    const [found, usual] = [
      seedFiles(hostile, nodeOf(hostile, index), keys),
      seedFiles(harmless, nodeOf(harmless, index), keys),
    ]
    for (const file of ['meta-data', 'user-data'] as const)
      expect(outline(parse(found[file]), hostileLabNames)).toEqual(outline(parse(usual[file]), harmlessNames))
    expect(parse(found['user-data']).hostname).toBe(nodeOf(hostile, index).name)
    expect(parse(found['meta-data'])['local-hostname']).toBe(nodeOf(hostile, index).name)
    const interfaces = Object.values(parse(found['network-config']).ethernets as Record<string, object>)
    expect(interfaces.length).toBe(nodeOf(hostile, index).networks.length)
    expect(outline(interfaces, hostileLabNames)).toEqual(
      outline(Object.values(parse(usual['network-config']).ethernets as object), harmlessNames),
    )
  })

  test('kubeadm and K3s read names as text, and no more documents or keys than ever', () => {
    const discovery = { endpoint: '192.168.23.10:6443', token: 'abcdef.0123456789abcdef', caCertHash: 'sha256:x' }
    const runtime = { endpoint: 'unix:///run/containerd/containerd.sock' }
    const texts = (topology: Topology) => [
      initConfig(topology, nodeOf(topology, 0), runtime.endpoint),
      joinConfig(topology, nodeOf(topology, 1), runtime.endpoint, discovery),
      serverConfig(topology, nodeOf(topology, 0), runtime),
      agentConfig(topology, nodeOf(topology, 1), runtime),
    ]
    const read = (text: string) => parseAllDocuments(text).map((document) => document.toJS())
    const [found, usual] = [texts(hostile).map(read), texts(harmless).map(read)]
    expect(outline(found, hostileLabNames)).toEqual(outline(usual, harmlessNames))
    expect(found[0]?.[0].nodeRegistration.name).toBe('0x10')
    expect(found[0]?.[1].clusterName).toBe('null')
    expect(found[1]?.[0].nodeRegistration.name).toBe('no')
    expect(found[2]?.[0]['node-name']).toBe('0x10')
  })

  test('/etc/hosts has an address and a name in each line', () => {
    const names = hostsFile(hostile, nodeOf(hostile, 0)).trim().split('\n').slice(2)
    expect(names).toEqual(['192.168.23.10 0x10', '192.168.23.11 no', '192.168.24.2 1e5'])
  })

  test('keadm is told each label once, and reads them back', () => {
    const node = nodeOf(hostile, 2)
    const flags = joinFlags({
      kubeedge: hostile.kubeedge,
      cloudcore: '192.168.24.1',
      nodeName: node.name,
      endpoint: 'unix:///x',
      labels: node.labels,
    })
    const labels = flags.find((flag) => flag.startsWith('--labels='))?.slice('--labels='.length)
    expect(Object.fromEntries(labels?.split(',').map((label) => label.split('=')) ?? [])).toEqual({ ...node.labels })
    expect(flags.every((flag) => /^--[a-z-]+=/.test(flag))).toBe(true)
  })

  // OpenSSH itself takes a path apart at blanks and puts things in the place of `%`.
  const ssh = Bun.which('ssh')
  test.skipIf(!ssh)('ssh trusts the one file of pinned keys, whatever the folder is called', () => {
    const file = '/home/me/my "lab" 100%h \\x/known_hosts'
    const target = { host: '10.0.0.7', port: 22, user: 'root' }
    const words = sshWords({ target, pinned: { file, hostKeyLine: 'ssh-ed25519 AAAA' } }, [])
    const { stdout } = Bun.spawnSync([ssh as string, '-G', '-F', '/dev/null', ...words])
    expect(stdout.toString()).toContain(`userknownhostsfile ${file}\n`)
  })
})
