import type { NodeObject } from './cluster.ts'

/** On an edge's Node object: when its last smoke test passed, and on which node, boot and version. */
export const smokeAnnotation = 'kedge.dev/smoke-passed'

/** One line for each node, its fields apart by tabs; what is no text comes as JSON. */
const fields = [
  '.metadata.name',
  '.metadata.uid',
  '.metadata.labels',
  `.metadata.annotations.${smokeAnnotation.replaceAll('.', '\\.')}`,
  '.spec.podCIDR',
  '.spec.taints',
  '.status.conditions[?(@.type=="Ready")]',
  '.status.nodeInfo.kubeletVersion',
  '.status.nodeInfo.machineID',
  '.status.addresses',
]

/**
 * For `kubectl get nodes -o`: of every node what kedge looks at, some 700 bytes of it instead of 6,500, as in a lab of 200 nodes
 * each node's check asks for the list.
 */
export const nodeListFormat = `jsonpath={range .items[*]}${fields.map((field) => `{${field}}`).join('{"\\t"}')}{"\\n"}{end}`

/** What `kubectl get nodes` prints in that format, as the Node objects that it is taken from. */
export function readNodeList(text: string): readonly NodeObject[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', uid, labels, smoke, podCIDR, taints, ready, kubeletVersion, machineID, addresses] =
        line.split('\t')
      return {
        metadata: {
          name,
          ...(uid ? { uid } : {}),
          ...(labels ? { labels: JSON.parse(labels) } : {}),
          ...(smoke ? { annotations: { [smokeAnnotation]: smoke } } : {}),
        },
        spec: { ...(podCIDR ? { podCIDR } : {}), ...(taints ? { taints: JSON.parse(taints) } : {}) },
        status: {
          conditions: ready ? [JSON.parse(ready)] : [],
          nodeInfo: { ...(kubeletVersion ? { kubeletVersion } : {}), ...(machineID ? { machineID } : {}) },
          ...(addresses ? { addresses: JSON.parse(addresses) } : {}),
        },
      }
    })
}
