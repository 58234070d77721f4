import type { Rule, ScriptedFile } from '../../lib/host/scripted.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { loadLab, type Scene, sceneOn } from '../tasks/context.ts'
import { asksForSums, labPieces, noPieces, notesSums, sumLine } from '../tasks/lab-bundle.ts'
import { asksForNodes, nodeJson, nodeLines } from './kubectl-answers.ts'

export const configFile = '/etc/rancher/k3s/config.yaml'
export const tokenFile = '/etc/rancher/k3s/kedge-token'
export const begun = '/var/lib/kedge/k3s-begun'
export const done = '/var/lib/kedge/k3s-done'
export const link = '/var/lib/kedge/bin/kubectl'
export const folder = '/var/lib/rancher/k3s'
export const manifest = `${folder}/server/manifests/coredns.yaml`
export const coreDns = 'docker.io/rancher/mirrored-coredns-coredns:1.12.0'

export const version = '1.32.10+k3s1'
export const k3sLab = (change: (text: string) => string = (text) => text): Topology =>
  loadLab((text) =>
    change(text.replace('distribution: kubeadm, version: 1.32.10', `distribution: k3s, version: ${version}`)),
  )

let folderOfBundle: string | undefined
/** The tests' bundle with K3s in place of kubeadm's programs. */
export function k3sBundle(): string {
  folderOfBundle ??= makeBundle([
    ...labPieces,
    { name: 'k3s' },
    { name: coreDns, kind: 'image', roles: ['control-plane'] },
  ])
  return folderOfBundle
}

/** Another one each time: what was called secret once stays masked for as long as the process lives. */
const newToken = () => `K10${'ab'.repeat(32)}::server:${crypto.randomUUID().replaceAll('-', '')}`

export type Found = {
  readonly paths?: readonly string[]
  readonly files?: Readonly<Record<string, string>>
  /** systemd's word for the unit of this node. */
  readonly state?: string
  /** The last complaint in its journal. */
  readonly complaint?: string
  /** What `kubectl get node` prints of this node. */
  readonly node?: string
  /** What else is on the machine, by the names that the question about neighbours prints. */
  readonly neighbours?: string
  readonly topology?: Topology
  readonly bundle?: string
  readonly rules?: readonly Rule[]
  /** What the server's token file holds instead of a token. */
  readonly tokenText?: string
  /** One answer after another to the question for CoreDNS. */
  readonly deployment?: readonly string[]
}

export type FakeK3s = Scene & {
  readonly token: string
  /** Commands that change something, and files written, without those that only look. */
  changes(): string[]
  /** What of the machine is there now. */
  has(path: string): boolean
}

/** A cloud node of a K3s lab. A start takes two seconds; then its files are there, and the cluster has the node. */
export function k3sOn(name: 'master' | 'worker', found: Found = {}): FakeK3s {
  const { topology = k3sLab(), bundle = k3sBundle(), neighbours = '', rules = [] } = found
  const token = newToken()
  const there = new Set(found.paths ?? [])
  let state = found.state ?? 'inactive'
  let node = found.node ?? ''
  const unit = name === 'master' ? 'k3s' : 'k3s-agent'
  const files = () => scene.host(name).files as Map<string, ScriptedFile>
  const has = (path: string) => there.has(path) || files().has(path)

  const remove = (path: string) => {
    for (const each of [...there, ...files().keys()]) {
      if (each === path || each.startsWith(`${path}/`)) {
        there.delete(each)
        files().delete(each)
      }
    }
  }
  const own: Rule[] = [
    [/^if \[ -e \/etc\/kubernetes/, neighbours],
    [
      /^test /,
      ({ command }) => ({ exitCode: command.split(' ').every((word) => !word.startsWith('/') || has(word)) ? 0 : 1 }),
    ],
    [/^systemctl is-active \S+$/, () => `${state}\n`],
    [
      /^systemctl is-active .*journalctl/s,
      () => `${state}\n${found.complaint && state !== 'active' ? `${found.complaint}\n` : ''}`,
    ],
    [
      new RegExp(
        `^systemctl stop ${unit} && mv -f (\\S+) (\\S+) && systemctl enable ${unit} && systemctl start --no-block ${unit}$`,
      ),
      ({ command }) => {
        const [, from = '', to = ''] = / mv -f (\S+) (\S+) /.exec(command) ?? []
        files().set(to, files().get(from) as ScriptedFile)
        files().delete(from)
        state = 'activating'
        return ''
      },
    ],
    [
      /^systemctl stop \S+ && rm -rf /,
      ({ command }) => {
        state = 'inactive'
        for (const path of command.split(' ').filter((word) => word.startsWith('/'))) remove(path)
        return ''
      },
    ],
    [/^rm -f /, ({ command }) => remove(command.slice(6)) ?? ''],
    [/^touch /, ({ command }) => `${there.add(command.slice(6)).size}`],
    [/^mkdir -p "\$\(dirname \S+\)" && ln /, () => `${there.add(link).size}`],
    [asksForSums, () => (there.has('/usr/local/bin/k3s') ? sumLine('k3s', '/usr/local/bin/k3s') : '')],
    [/install -m 0755/, () => `${there.add('/usr/local/bin/k3s').size}`],
    [
      /^dpkg-query/,
      ['conntrack', 'socat', 'ebtables', 'ethtool', 'iptables'].map((each) => `${each} installed\n`).join(''),
    ],
    [/^sysctl -n/, '1\n1\n1\n'],
    [/^modprobe|^sysctl -q|^systemctl daemon-reload|^rm /, ''],
    noPieces,
    notesSums,
  ]
  const ofCluster: Rule[] = [
    [new RegExp(`get node ${name} `), () => node],
    [asksForNodes, () => nodeLines(node)],
    [/get deployment coredns|deployment coredns -o json/, found.deployment ?? ['{}']],
    [/delete secret \S+ --ignore-not-found$/, ''],
    [`cat ${folder}/server/node-token`, found.tokenText ?? `${token}\n`],
  ]
  const scene = sceneOn(name, {
    topology,
    bundle,
    files: { [name]: found.files ?? {} },
    rules:
      name === 'master'
        ? { master: [...rules, ...ofCluster, ...own] }
        : { worker: [...rules, ...own], master: ofCluster },
    onSleep: () => {
      if (state !== 'activating') return
      state = 'active'
      node = nodeJson({ name, version: `v${topology.kubernetes.version}` })
      there.add(`${folder}/agent`).add(`${folder}/agent/client-kubelet.crt`)
      if (name === 'master') there.add(`${folder}/server/node-token`)
    },
  })
  const looks =
    / test |is-active|get nodes? |deployment coredns|daemonsets|resolved|dpkg-query|sysctl -n|pieces|isNoted|if \[ -e/
  return {
    ...scene,
    token,
    has,
    changes: () => scene.steps.filter((step) => !looks.test(step)),
  }
}
