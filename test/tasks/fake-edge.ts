import type { Rule, ScriptedFile } from '../../lib/host/scripted.ts'
import { asksForNodes, edgeJson, edgeLabels, type NodeAnswer, nodeLines } from '../distribution/kubectl-answers.ts'
import { caHash, tokenAndCaJson, tokenOf } from '../kubeedge/make-token.ts'
import { type Scene, type SceneOptions, sceneOn } from './context.ts'

export const tokenFile = '/var/lib/kedge/secrets/edge-token'
export const keadmTokenFile = '/etc/kubeedge/bootstrap-edgecore.conf'
export const cniFile = '/etc/cni/net.d/10-kedge.conflist'
export const machineId = '6ae04d4c8ec557e31d5c9b75d413af23'
/** Another one each time: what was called secret once stays masked for as long as the process lives. */
export const newToken = () => tokenOf(caHash, new Date(Date.now() + 20 * 3600_000), crypto.randomUUID())

export const edgecoreFile = '/etc/kubeedge/config/edgecore.yaml'
/** Of edgecore.yaml, what kedge looks at, as keadm 1.23 leaves it with kedge's flags. */
export const edgecoreYaml = `apiVersion: edgecore.config.kubeedge.io/v1alpha2
kind: EdgeCore
modules:
  edgeHub:
    httpServer: https://192.168.24.1:10002
    quic:
      enable: false
      server: 192.168.24.1:10001
    token: ''
    websocket:
      enable: true
      server: 192.168.24.1:10000
  edgeStream:
    enable: true
    server: 192.168.24.1:10004
  edged:
    nodeIP: 192.168.24.2
    tailoredKubeletConfig:
      cgroupDriver: systemd
      containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
  eventBus:
    mqttMode: 0
    mqttServerExternal: tcp://127.0.0.1:1883
`

/** What may be found of a join, on the edge and in the cluster. */
export type EdgeParts = {
  readonly service: 'active' | 'inactive' | 'failed'
  readonly certificates: boolean
  readonly leftovers: boolean
  readonly node: 'absent' | 'ready' | 'not ready'
  readonly token: boolean
  /** A keadm that was killed has left the token in a file of its own. */
  readonly keadmToken?: boolean
}

/** edge-1 with keadm's manners: a join refuses what an earlier one left, and needs its token in the file. */
export function fakeEdge(
  parts: EdgeParts,
  node: Partial<NodeAnswer> = {},
  before: readonly Rule[] = [],
  more: {
    readonly yaml?: string
    readonly topology?: SceneOptions['topology']
    /** The cluster's join token. */
    readonly token?: string
    /** The edge's own before it joins again, in PEM. */
    readonly certificate?: string
  } = {},
) {
  const { yaml = edgecoreYaml, topology, token = newToken() } = more
  let { certificate = '' } = more
  let { service, certificates, leftovers } = parts
  let object: Partial<NodeAnswer> | undefined =
    parts.node === 'absent' ? undefined : { ...node, ready: parts.node === 'ready' ? 'True' : 'Unknown' }
  const refuse = (stderr: string) => ({ stderr: `${stderr}\n`, exitCode: 1 })

  const join = () => {
    if (!scene.file('edge-1', tokenFile)) return refuse('token is empty')
    if (service === 'active') return refuse('EdgeCore is already running')
    if (leftovers || edgeFiles().has(keadmTokenFile)) return refuse('/etc/kubeedge is not empty')
    if (object) return refuse('a node with the name edge-1 already exists')
    service = 'active'
    certificate = ''
    certificates = leftovers = true
    put(edgecoreFile, yaml)
    object = { labels: edgeLabels, ...node, ready: 'False', message: 'cni plugin not initialized' }
    return 'KubeEdge edgecore is running, For logs visit: journalctl -u edgecore.service -xe\n'
  }
  const edgeFiles = () => scene.host('edge-1').files as Map<string, ScriptedFile>
  const put = (path: string, text: string) => edgeFiles().set(path, { content: Buffer.from(text), mode: 0o644 })
  const scene: Scene = sceneOn('edge-1', {
    ...(topology ? { topology } : {}),
    files: {
      'edge-1': {
        ...(parts.token ? { [tokenFile]: token } : {}),
        ...(parts.keadmToken ? { [keadmTokenFile]: token } : {}),
        ...(parts.certificates ? { [edgecoreFile]: yaml } : {}),
      },
    },
    rules: {
      'edge-1': [
        ...before,
        ['cat /etc/machine-id', `${machineId}\n`],
        [
          /^echo "service \$\(systemctl is-active edgecore\)"\nls -A \/etc\/kubeedge/,
          () =>
            [
              `service ${service}\n`,
              leftovers ? 'ca\ncerts\nconfig\n' : '',
              edgeFiles().has(keadmTokenFile) ? 'bootstrap-edgecore.conf\n' : '',
              edgeFiles().has(tokenFile) ? `${tokenFile}\n` : '',
              certificates ? `/etc/kubeedge/certs/server.crt\n${certificate}` : '',
            ].join(''),
        ],
        ['ls -A /etc/kubeedge 2>/dev/null || true', () => (leftovers ? 'ca\ncerts\nconfig\n' : '')],
        [/^for target in/, ''],
        ['ip -o -4 address show', addresses],
        [/^keadm join /, join],
        [
          /^keadm reset edge --force --remote-runtime-endpoint=unix:\/\/\/run\/containerd\/containerd\.sock$/,
          () => {
            service = 'inactive'
            certificates = false
            return refuse('lstat /var/lib/edged: no such file or directory')
          },
        ],
        [
          /^systemctl disable --now edgecore[\s\S]*for folder in \/etc\/kubeedge /,
          () => {
            service = 'inactive'
            certificates = leftovers = false
            edgeFiles().delete(keadmTokenFile)
            return ''
          },
        ],
        [
          `systemctl stop edgecore && mv -f ${edgecoreFile}.kedge ${edgecoreFile} && systemctl start edgecore`,
          () => {
            put(edgecoreFile, scene.file('edge-1', `${edgecoreFile}.kedge`) ?? '')
            return ''
          },
        ],
        [
          'systemctl enable --now edgecore',
          () => {
            service = 'active'
            return ''
          },
        ],
        [
          `rm -f ${tokenFile} ${keadmTokenFile}`,
          () => {
            edgeFiles().delete(tokenFile)
            edgeFiles().delete(keadmTokenFile)
            return ''
          },
        ],
      ],
      master: [
        [/get node edge-1 /, () => (object ? edgeJson(object) : '')],
        [asksForNodes, () => (object ? nodeLines(edgeJson(object)) : '')],
        [/get -n kubeedge secret tokensecret casecret /, tokenAndCaJson(token)],
        [
          / delete node edge-1 --ignore-not-found$/,
          () => {
            object = undefined
            return ''
          },
        ],
        [
          / label node edge-1 --overwrite /,
          ({ command }) => {
            const labels = command
              .split('--overwrite ')[1]
              ?.split(' ')
              .map((word) => word.replaceAll("'", '').split('='))
            object = { ...object, labels: { ...object?.labels, ...Object.fromEntries(labels ?? []) } }
            return 'node/edge-1 labeled\n'
          },
        ],
      ],
    },
    // The node comes to rest as soon as somebody waits, if its runtime has a pod network.
    onSleep: () => {
      if (object && scene.file('edge-1', cniFile)) object = { ...object, ready: 'True' }
    },
  })
  const changes = () =>
    scene.steps
      .filter((step) => !/is-active|machine-id|\$ test |\$ ls |\$ for target| get |\$ ip -o/.test(step))
      .map((step) => step.replace(/kubectl --kubeconfig=\S+/, 'kubectl'))
  return { ...scene, changes, token }
}

const addresses = `1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: ens3    inet 192.168.22.21/24 brd 192.168.22.255 scope global ens3\\       valid_lft forever preferred_lft forever
3: ens4    inet 192.168.24.2/30 brd 192.168.24.3 scope global ens4\\       valid_lft forever preferred_lft forever
`
