import type { Answer, Rule } from '../../lib/host/scripted.ts'
import { asksForNodes, type NodeAnswer, nodeJson, nodeLines } from '../distribution/kubectl-answers.ts'

type Container = { readonly image: string; readonly command: readonly string[]; readonly imagePullPolicy: string }
export type SmokePod = {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly spec: Readonly<Record<string, unknown>> & { readonly containers: readonly [Container] }
}

export const boot = '0f6c1d3e-3a53-4b6e-9a5f-5a4f7f1c2d3e'
export const edgeNode: NodeAnswer = { name: 'edge-1', uid: 'uid-1', version: 'v1.32.10-kubeedge-v1.23.1' }
export const running = { phase: 'Running', podIP: '192.168.24.2' }
const whole = (marker: string): Answer => `${marker}\n`

export type SmokeScript = {
  /** The pod's status at each look; the last one stays. */
  readonly statuses?: readonly object[]
  /** What `kubectl logs` answers, given the marker that the pod prints. */
  readonly log?: (marker: string, look: number) => Answer
  readonly created?: Answer
  readonly node?: NodeAnswer | undefined
  /** What lies in the edge's folder for CNI. */
  readonly hasPodNetwork?: boolean
}

/** A cluster that runs the smoke pods of edge-1 as the script says, and the edge itself. */
export function fakeSmoke(script: SmokeScript = {}) {
  const { statuses = [running], log = whole, created = 'pod created\n', hasPodNetwork = false } = script
  const pods: SmokePod[] = []
  const marks: string[] = []
  /** By the pod's name, what was asked of it and how often. */
  const counts = new Map<string, number>()
  const count = (command: string) => {
    const [, question = '', name = ''] = /(get|logs).* (kedge-smoke-\S+)/.exec(command) ?? []
    const before = counts.get(`${question} ${name}`) ?? 0
    counts.set(`${question} ${name}`, before + 1)
    return { name, before }
  }
  const node = 'node' in script ? script.node : edgeNode
  const master: Rule[] = [
    [
      / apply -f -$/,
      ({ input }) => {
        pods.push(...(JSON.parse(input).items as SmokePod[]))
        return created
      },
    ],
    [
      / get -n default pod kedge-smoke-/,
      ({ command }) =>
        JSON.stringify({ kind: 'Pod', status: statuses[Math.min(count(command).before, statuses.length - 1)] }),
    ],
    [
      / -n default logs kedge-smoke-/,
      ({ command }) => {
        const { name, before } = count(command)
        return log(markerOf(pods.find(({ metadata }) => metadata.name === name)), before)
      },
    ],
    [/ -n default delete pods? /, ''],
    [/ get node edge-1 /, node ? nodeJson(node) : ''],
    [asksForNodes, node ? nodeLines(nodeJson(node)) : ''],
    [
      / annotate node edge-1 --overwrite /,
      ({ command }) => {
        marks.push(/--overwrite (?:'(.*)'|(\S+))$/.exec(command)?.slice(1).find(Boolean) ?? command)
        return 'node/edge-1 annotated\n'
      },
    ],
  ]
  const edge: Rule[] = [
    ['cat /proc/sys/kernel/random/boot_id', `${boot}\n`],
    [/^ls \/etc\/cni\/net.d/, hasPodNetwork ? '1\n' : { stdout: '0\n', exitCode: 1 }],
  ]
  return { rules: { master, 'edge-1': edge }, pods, marks }
}

/** What the pod's only command prints first. */
export const markerOf = (pod: SmokePod | undefined): string =>
  /^echo (\S+);/.exec(pod?.spec.containers[0].command[2] ?? '')?.[1] ?? 'no marker'
