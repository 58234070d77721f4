import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { cableOf } from '../lab/containers/containers.ts'
import { inside, shellInside } from '../lab/namespace.ts'
import {
  kedge,
  kubectl,
  lab,
  type Outcome,
  on,
  plan,
  raise,
  raze,
  readiness,
  run,
  spawned,
  untilReady,
  wanted,
} from './real-lab.ts'

// The tests build on one another, in this order.

const started = ({ output }: Outcome): string[] =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Event)
    .flatMap((event) => (event.type === 'task-started' ? [event.id] : []))

const smoke = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'lasting' },
  spec: {
    nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: process.env.KEDGE_E2E_IMAGE ?? 'docker.io/library/busybox:1.35.0',
        imagePullPolicy: 'Never',
        command: ['sh', '-c', 'while true; do date; sleep 5; done'],
      },
    ],
  },
}
const identity = () =>
  kubectl(
    'get',
    'pod',
    'lasting',
    '-o',
    'jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}',
  )
/** When the container's first process was started, in the edge's own clock ticks: another process has another one. */
const processOf = async (node: string) =>
  (
    await on(
      node,
      `for pid in $(pgrep -f 'while true; do date'); do cut -d' ' -f22 /proc/$pid/stat; done | sort | head -1`,
    )
  ).output

describe.skipIf(!wanted)('real Kubernetes and KubeEdge', () => {
  setDefaultTimeout(15 * 60_000)

  beforeAll(raise, 15 * 60_000)
  afterAll(raze, 60_000)

  test('run all ends with a proof that holds, and a second run changes nothing', async () => {
    expect((await run('run', 'all')).code).toBe(0)
    const proof = await run('verify')
    console.log(proof.output)
    expect(proof.code).toBe(0)
    console.log((await run('report')).output)
    const again = await run('run', 'all', '--json')
    expect({ code: again.code, started: started(again) }).toEqual({ code: 0, started: [] })
  })

  test('an edge that is cut off keeps its pod, also through a restart of edgecore, and is Ready again after', async () => {
    await spawned(inside(lab.name, [kedge, 'kubectl', 'apply', '-f', '-']), JSON.stringify(smoke))
    await kubectl('wait', '--for=condition=Ready', 'pod/lasting', '--timeout=120s')
    const before = { identity: await identity(), process: await processOf('edge-1') }
    expect(before.process).not.toBe('')
    const cable = cableOf(plan, 'edge-1', 'edge-1')
    await shellInside(lab.name)`ip link set ${cable} down`
    try {
      await untilReady('edge-1', 'Unknown')
      expect(
        (await on('edge-1', 'systemctl restart edgecore && sleep 10 && systemctl is-active edgecore')).output,
      ).toBe('active\n')
      expect(await processOf('edge-1')).toBe(before.process)
    } finally {
      await shellInside(lab.name)`ip link set ${cable} up`
    }
    await untilReady('edge-1', 'True')
    expect({ identity: await identity(), process: await processOf('edge-1') }).toEqual(before)
    expect(await kubectl('logs', 'lasting', '--tail=1')).not.toBe('')
    await kubectl('delete', 'pod', 'lasting', '--wait=true')
  })

  // What people leave behind who tried by hand: each is repaired by the same command, and no other node is touched.
  const halfJoined: Readonly<Record<string, string>> = {
    'keadm killed in the middle': `
      systemctl disable --now edgecore; rm -rf /etc/kubeedge /var/lib/kubeedge
      KUBECONFIG= setsid keadm join --token=0.a.b.c --cloudcore-ipport=192.168.24.9:10000 --edgenode-name=half \\
        --kubeedge-version=v$VERSION --remote-runtime-endpoint=$ENDPOINT >/tmp/keadm.log 2>&1 &
      for look in $(seq 100); do [ -d /etc/kubeedge/config ] && break; sleep 0.1; done
      pkill -KILL -x keadm || true`,
    'stale files, and the node object left over': `
      systemctl stop edgecore; rm -rf /etc/kubeedge/ca /etc/kubeedge/certs`,
    'edgecore without its database and its unit': `
      systemctl disable --now edgecore; rm -f /etc/systemd/system/edgecore.service /var/lib/kubeedge/edgecore.db
      rm -f /etc/kubeedge/certs/server.key; systemctl daemon-reload`,
    'edgecore stopped, and the node object deleted': `systemctl stop edgecore`,
  }
  const endpoint =
    process.env.KEDGE_EDGE_RUNTIME === 'cri-o'
      ? 'unix:///var/run/crio/crio.sock'
      : 'unix:///run/containerd/containerd.sock'

  test.each(Object.entries(halfJoined))('half-joined is repaired: %s', async (name, script) => {
    const settings = `VERSION=${process.env.KEDGE_KUBEEDGE} ENDPOINT=${endpoint}\n`
    await on('edge-2', settings + script)
    if (name.endsWith('deleted')) await kubectl('delete', 'node', 'edge-2')
    expect(await run('run', 'join-edge', '--on', 'edge-2')).toMatchObject({ code: 0 })
    expect(await readiness('edge-2')).toBe('True')
    expect((await run('verify')).code).toBe(0)
  })
})
