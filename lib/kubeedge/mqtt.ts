import { TaskError } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import type { Architecture, Mqtt, Topology } from '../topology/topology.ts'
import { mqttPort } from './ports.ts'

/** The broker that KubeEdge's chart runs on each edge, the same one from 1.17 to 1.23. */
export const chartBroker = 'docker.io/library/eclipse-mosquitto:1.6.15'
/** Its DaemonSet. */
export const brokerName = 'edge-eclipse-mosquitto'

/** edgecore's `mqttMode`: 0 is its own broker, 2 one at 127.0.0.1:1883. */
export const mqttMode = (mqtt: Mqtt): 0 | 2 => (mqtt === 'none' ? 0 : 2)

/** Whether an image is that broker, in whatever release. */
export const isBroker = (name: string): boolean => /(?:^|\/)eclipse-mosquitto:[^@/]+$/.test(name)

/** The bundle's broker, the chart's own one first. A TaskError of kind `bundle` where there is none. */
export function brokerImage(names: readonly string[]): string {
  const found = names.find((name) => name === chartBroker) ?? names.find(isBroker)
  if (found) return found
  throw new TaskError({
    kind: 'bundle',
    message: `the bundle has no image ${chartBroker}, and the file says \`mqtt: bundle\``,
    cure: 'add it to the bundle for edges, or write `mqtt: none` under `kubeedge`',
  })
}

/** The image's name in two, as the chart takes it. */
export function repositoryAndTag(image: string): { readonly repository: string; readonly tag: string } {
  const colon = image.lastIndexOf(':')
  return { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
}

/** The broker's DaemonSet as the chart makes it, known to Helm as part of its release, for a CloudCore that runs already. */
export function brokerObject(namespace: string, image: string): object {
  const labels = { 'k8s-app': 'eclipse-mosquitto', kubeedge: 'eclipse-mosquitto' }
  const onEdges = { matchExpressions: [{ key: 'node-role.kubernetes.io/edge', operator: 'Exists' }] }
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: {
      name: brokerName,
      namespace,
      labels: { ...labels, 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { 'meta.helm.sh/release-name': 'cloudcore', 'meta.helm.sh/release-namespace': namespace },
    },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          containers: [
            {
              name: brokerName,
              image,
              imagePullPolicy: 'IfNotPresent',
              resources: { requests: { cpu: '100m', memory: '50Mi' }, limits: { cpu: '200m', memory: '100Mi' } },
              volumeMounts: [{ name: 'mqtt-data-path', mountPath: '/mosquitto/data' }],
            },
          ],
          volumes: [{ name: 'mqtt-data-path', hostPath: { path: '/var/lib/kubeedge/mqtt/data' } }],
          affinity: {
            nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [onEdges] } },
          },
        },
      },
    },
  }
}

/** With `mqtt: host` the broker is the machine's own; without one edgecore would ask for it for ever. */
export async function mustHaveBroker({ $, node, topology }: TaskContext): Promise<void> {
  if (topology.kubeedge.mqtt !== 'host') return
  const answer = await $`timeout 15 bash -c "exec 3<>/dev/tcp/127.0.0.1/${mqttPort}" 2>/dev/null`.nothrow()
  if (answer.exitCode === 0) return
  throw new TaskError({
    kind: 'command',
    message: `${node.name} has no MQTT broker: nothing answers on 127.0.0.1:${mqttPort}, and the file says \`mqtt: host\``,
    cure: `start one on ${node.name} (apt install mosquitto), or write \`mqtt: none\` or \`mqtt: bundle\` under \`kubeedge\``,
  })
}

/** The broker's image where this node is to run it, whichever roles the bundle names for it. Throws as `brokerImage` does. */
export const edgeBroker = ({ node, topology }: EdgeAndLab, names: readonly string[]): string | undefined =>
  topology.kubeedge.mqtt === 'bundle' && node.role === 'edge' ? brokerImage(names) : undefined

type EdgeAndLab = Pick<TaskContext, 'node' | 'topology'>

/** For a run that loads images: whether the bundle has the broker for each edge, before anything is touched. Throws as `brokerImage` does. */
export function mustHoldBroker(topology: Topology, imagesFor: (architecture: Architecture) => readonly string[]): void {
  if (topology.kubeedge.mqtt !== 'bundle') return
  for (const node of topology.nodes) edgeBroker({ node, topology }, imagesFor(node.architecture))
}
