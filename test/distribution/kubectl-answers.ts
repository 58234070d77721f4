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

export const nodeListJson = (nodes: readonly NodeAnswer[]): string => listJson(nodes.map(nodeObject))

export const nodeJson = (node: NodeAnswer): string => print(nodeObject(node))

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
