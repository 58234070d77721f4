import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Result, resultOf } from '../build/binary.ts'
import { standInPieces } from '../lab/stand-in/pieces.ts'

export const versions = { kubernetes: '1.32.10', kubeedge: '1.23.1' }

/** A node that lives in a folder: its files, its hardware as stated, a runtime that is a file, and processes on 127.x addresses. */
export type FakeNode = {
  readonly root: string
  readonly name: string
  /** What its programs need to be told to find themselves on it. */
  readonly environment: Readonly<Record<string, string>>
  run(...words: readonly string[]): Promise<Result>
  shell(script: string): Promise<Result>
  /** The same for a command that is to wait in vain: it gives up after a few seconds. */
  runImpatiently(...words: readonly string[]): Promise<Result>
  write(path: string, content: string): void
  read(path: string): string | undefined
  remove(path: string): void
  /** Changes what stand-in.json states of the machine. */
  state(change: Readonly<Record<string, unknown>>): void
  runtime(change: Readonly<Record<string, unknown>>): void
  log(unit: string): string
}

const systemctl = join(import.meta.dir, 'fake-systemctl.py')
const tools = ['conntrack', 'ip', 'iptables', 'mount', 'nsenter', 'ebtables', 'ethtool', 'socat', 'tc', 'touch']

export type FakeLab = {
  readonly folder: string
  /** Images by role, as the runtime stores their names. */
  readonly images: { readonly cloud: readonly string[]; readonly edge: readonly string[] }
  node(name: string, addresses: readonly string[], role: 'cloud' | 'edge'): FakeNode
  down(): Promise<void>
}

/** The programs once, and nodes made from them. Nothing is listened on but 127.0.0.0/8. */
export async function fakeLab(folder: string, chosen = versions): Promise<FakeLab> {
  rmSync(folder, { recursive: true, force: true })
  const pieces = await standInPieces(join(folder, 'pieces'), chosen)
  const names = (wanted: readonly string[]) =>
    pieces.images.filter(({ roles }) => roles.length === 0 || roles.some((role) => wanted.includes(role)))
  const images = {
    cloud: names(['control-plane', 'worker']).map(({ name }) => name),
    edge: names(['edge']).map(({ name }) => name),
  }
  const sandboxImage = images.edge.find((name) => name.includes('/pause:')) ?? ''
  const hosts: Record<string, string[]> = {}
  const nodes: FakeNode[] = []
  return {
    folder,
    images,
    node(name, addresses, role) {
      const root = join(folder, name)
      hosts[name] = [addresses[0] as string]
      const made = makeNode(root, name)
      made.write('/stand-in.json', '{}')
      made.state({
        hostname: name,
        addresses: Object.fromEntries(addresses.map((address, index) => [address, `eth${index}`])),
        loopback: addresses[addresses.length - 1],
        hosts,
        cpus: 2,
        memoryMiB: 2048,
      })
      made.write('/fake-runtime.json', '{}')
      made.runtime({ images: images[role], cgroupDriver: 'systemd', sandboxImage })
      made.write('/etc/resolv.conf', 'nameserver 127.0.0.53\n')
      made.write('/etc/machine-id', `${new Bun.CryptoHasher('md5').update(name).digest('hex')}\n`)
      made.write('/proc/swaps', 'Filename Type Size Used Priority\n')
      made.write('/proc/sys/net/ipv4/ip_forward', '1\n')
      made.write('/proc/sys/net/bridge/bridge-nf-call-iptables', '1\n')
      for (const file of pieces.files) {
        if (role === 'edge' && file.name !== 'keadm') continue
        cpSync(file.path, join(root, 'usr/local/bin', file.name))
      }
      // One cache for all nodes: the modules are unpacked and compiled once.
      mkdirSync(join(folder, 'cache'), { recursive: true })
      mkdirSync(join(root, 'var/cache'), { recursive: true })
      symlinkSync(join(folder, 'cache'), join(root, 'var/cache/kedge-stand-in'))
      for (const tool of tools) program(join(root, 'bin', tool), '#!/bin/sh\nexit 0\n')
      program(join(root, 'bin/systemctl'), readFileSync(systemctl, 'utf8'))
      program(join(root, 'bin/sudo'), '#!/bin/sh\nexec "$@"\n')
      if (role === 'cloud') writeKubeletUnit(made)
      mkdirSync(join(root, 'fake-images'), { recursive: true })
      for (const image of pieces.images) {
        symlinkSync(image.rootfsFolder, join(root, 'fake-images', image.name.replaceAll('/', '_')))
      }
      nodes.push(made)
      return made
    },
    async down() {
      for (const node of nodes) await node.run('systemctl', 'stop', 'kubelet', 'edgecore')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function program(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** The unit and kubeadm's drop-in, as distribution packages carry them. */
export function writeKubeletUnit(node: FakeNode): void {
  node.write('/etc/systemd/system/kubelet.service', '[Service]\nExecStart=/usr/local/bin/kubelet\nRestart=always\n')
  node.write(
    '/etc/systemd/system/kubelet.service.d/10-kubeadm.conf',
    `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`,
  )
}

function makeNode(root: string, name: string): FakeNode {
  const environment = {
    KEDGE_STANDIN_ROOT: root,
    KEDGE_STANDIN_OWNER: String(process.pid),
    // Waits that should end well may take long on a busy machine; looks come often.
    KEDGE_STANDIN_PATIENCE: '45',
    KEDGE_STANDIN_PACE: '2',
    PATH: `${root}/bin:${root}/usr/local/bin:/usr/bin:/bin`,
    HOME: '/root',
  }
  const change = (file: string, with_: Readonly<Record<string, unknown>>) =>
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...with_ }))
  const node: FakeNode = {
    root,
    name,
    environment,
    run: (...words) => spawn(words, environment),
    runImpatiently: (...words) => spawn(words, { ...environment, KEDGE_STANDIN_PATIENCE: '5' }),
    shell: (script) => node.run('bash', '-c', script),
    write(path, content) {
      mkdirSync(dirname(root + path), { recursive: true })
      writeFileSync(root + path, content)
    },
    read(path) {
      try {
        return readFileSync(root + path, 'utf8')
      } catch {
        return undefined
      }
    },
    remove: (path) => rmSync(root + path, { recursive: true, force: true }),
    state: (with_) => change(join(root, 'stand-in.json'), with_),
    runtime: (with_) => change(join(root, 'fake-runtime.json'), with_),
    log: (unit) => node.read(`/run/fake-systemd/${unit}.log`) ?? '',
  }
  return node
}

const spawn = (words: readonly string[], env: Readonly<Record<string, string>>): Promise<Result> =>
  resultOf(Bun.spawn([...words], { env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' }))
