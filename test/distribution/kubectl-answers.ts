/** What `kubectl get … -o json` prints, in the shape of real clusters; only what kedge reads differs from test to test. */

const print = (value: object): string => `${JSON.stringify(value, null, 4)}\n`

export const listJson = (items: readonly object[]): string =>
  print({ apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } })

export type NodeAnswer = {
  readonly name: string
  readonly ready?: 'True' | 'False' | 'Unknown'
  readonly message?: string
  readonly version?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly podCIDR?: string
  readonly uid?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly address?: string
  readonly machineID?: string
}

export const nodeJson = (node: NodeAnswer): string => print(nodeObject(node))

/** What `kubectl get nodes` prints of nodes, each as `nodeJson` has it, in the format that kedge asks for. */
export const nodeLines = (...nodes: readonly string[]): string =>
  nodes
    .filter((text) => text !== '')
    .map((text) => {
      const { metadata, spec, status } = JSON.parse(text)
      const ready = status.conditions.find(({ type }: { type: string }) => type === 'Ready')
      const json = (value: unknown) => value && JSON.stringify(value)
      return [
        metadata.name,
        metadata.uid,
        json(metadata.labels),
        metadata.annotations?.['kedge.dev/smoke-passed'],
        spec.podCIDR,
        json(spec.taints),
        json(ready),
        status.nodeInfo.kubeletVersion,
        status.nodeInfo.machineID,
        json(status.addresses),
      ].join('\t')
    })
    .map((line) => `${line}\n`)
    .join('')

/** The question for all of them. */
export const asksForNodes = /^\S*kubectl \S+ get nodes -o \S*jsonpath=/

function nodeObject(node: NodeAnswer): object {
  const {
    name,
    ready = 'True',
    version = 'v1.32.10',
    labels = {},
    podCIDR,
    uid,
    annotations,
    address,
    machineID,
  } = node
  const message = node.message ?? (ready === 'True' ? 'kubelet is posting ready status' : 'it is not')
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...labels },
      ...(uid ? { uid } : {}),
      ...(annotations ? { annotations } : {}),
    },
    spec: podCIDR ? { podCIDR, podCIDRs: [podCIDR] } : {},
    status: {
      conditions: [
        { type: 'MemoryPressure', status: 'False', message: 'kubelet has sufficient memory available' },
        { type: 'Ready', status: ready, message },
      ],
      nodeInfo: { kubeletVersion: version, containerRuntimeVersion: 'containerd://1.6.20~ds1', machineID },
      ...(address ? { addresses: [{ type: 'InternalIP', address }] } : {}),
    },
  }
}

export const edgeLabels = { 'node-role.kubernetes.io/edge': '', 'node-role.kubernetes.io/agent': '' }

/** An edge's node that has joined, with the labels of the tests' lab. */
export const edgeJson = (node: Partial<NodeAnswer> = {}): string =>
  nodeJson({
    name: 'edge-1',
    version: 'v1.32.10-kubeedge-v1.23.1',
    podCIDR: '10.244.3.0/24',
    labels: { ...edgeLabels, device: 'camera', site: 'lab-7' },
    ...node,
  })
