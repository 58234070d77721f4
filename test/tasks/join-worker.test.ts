import { describe, expect, test } from 'bun:test'
import { distributionOf } from '../../lib/distribution/distribution.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import joinWorker from '../../tasks/join-worker.ts'
import { asksForNodes, nodeJson, nodeLines } from '../distribution/kubectl-answers.ts'
import { failureOf, sceneOn } from './context.ts'

const begun = '/var/lib/kedge/kubeadm-begun'
const done = '/var/lib/kedge/kubeadm-done'
const sign = '/etc/kubernetes/kubelet.conf'
const machineId = '6ae04d4c8ec557e31d5c9b75d413af23'
const joinFile = '/var/lib/kedge/secrets/kubeadm-join.json'
const reset = 'kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock'
// Another one for each scene: what was called secret once stays masked for as long as the process lives.
const newToken = () => `x7q2ab.${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}`
const printed = (token: string) =>
  `kubeadm join 192.168.23.10:6443 --token ${token} --discovery-token-ca-cert-hash sha256:${'5e'.repeat(32)} \n`

type World = { paths: string[]; node?: string; join?: Rule[1]; create?: Rule[1] }
function worker({ paths, node = '', join, create }: World) {
  const token = newToken()
  const there = new Set(paths)
  let object = node
  const seen: string[] = []
  const scene = sceneOn('worker', {
    rules: {
      worker: [
        [
          /^test -e /,
          ({ command }) => ({
            exitCode: command.split(' ').every((word) => !word.startsWith('/') || isThere(word)) ? 0 : 1,
          }),
        ],
        [
          /^kubeadm join/,
          join ??
            (() => {
              if (object.includes('"status": "True"'))
                return { stderr: 'a Node with name "worker" and status "Ready" already exists\n', exitCode: 1 }
              there.add(sign)
              seen.push(scene.file('worker', joinFile) ?? '', scene.mode('worker', joinFile) ?? '')
              object = nodeJson({ name: 'worker', ready: 'False', message: 'cni plugin not initialized' })
              return 'This node has joined the cluster\n'
            }),
        ],
        [reset, () => `${there.delete(sign)}`],
        [`rm -f ${done}`, () => `${there.delete(done)}`],
        ['cat /etc/machine-id', `${machineId}\n`],
        [/^rm|^systemctl restart kubelet|^ip link delete cni0/, ''],
      ],
      master: [
        [/get node worker/, () => object],
        [asksForNodes, () => nodeLines(object)],
        [
          'kubectl --kubeconfig=/etc/kubernetes/admin.conf delete node worker',
          () => {
            object = ''
            return 'node "worker" deleted\n'
          },
        ],
        [/kubeadm token create/, create ?? printed(token)],
      ],
    },
    onSleep: () => {
      object = nodeJson({ name: 'worker' })
    },
  })
  const isThere = (path: string) => there.has(path) || scene.host('worker').files.has(path)
  const changes = () => scene.steps.filter((step) => !/\$ test|get nodes?|machine-id/.test(step))
  return { ...scene, seen, changes, token }
}

describe('check', () => {
  test.each([
    ['not in the cluster', [], '', 'node worker is not in the cluster'],
    [
      'not Ready',
      [done],
      nodeJson({ name: 'worker', ready: 'False', message: 'cni plugin not initialized' }),
      'node worker is not Ready: cni plugin not initialized',
    ],
    [
      'half-made: Ready, but kubeadm was cut off',
      [begun],
      nodeJson({ name: 'worker' }),
      'kubeadm join did not come to its end',
    ],
  ])('%s', async (_, paths, node, why) =>
    expect(await joinWorker.check(worker({ paths, node }).ctx)).toEqual({ done: false, why }),
  )
  test('done', async () =>
    expect(await joinWorker.check(worker({ paths: [done, sign], node: nodeJson({ name: 'worker' }) }).ctx)).toEqual({
      done: true,
    }))
})

describe('run', () => {
  const afresh = [
    'master$ KUBECONFIG=/etc/kubernetes/admin.conf kubeadm token create --ttl 30m --print-join-command',
    `worker$ write ${begun}`,
    `worker$ write ${joinFile}`,
    `worker$ kubeadm join --config ${joinFile}`,
    `worker$ rm -f ${joinFile}`,
    `worker$ write ${done}`,
  ]

  test('a token for this join alone, in a file that only root reads and that is gone afterwards; then Ready', async () => {
    const { ctx, changes, seen, sleeps, token } = worker({ paths: [] })
    await joinWorker.run(ctx)
    expect(changes()).toEqual(afresh)
    expect(JSON.parse(seen[0] ?? '').discovery.bootstrapToken).toEqual({
      apiServerEndpoint: '192.168.23.10:6443',
      token,
      caCertHashes: [`sha256:${'5e'.repeat(32)}`],
    })
    expect(seen[1]).toBe('600')
    expect(sleeps).toEqual([0.5])
    expect(await joinWorker.check(ctx)).toEqual({ done: true })
  })

  test('the token is in no command and in no line of the log', async () => {
    const { ctx, log, host, token } = worker({ paths: [] })
    await joinWorker.run(ctx)
    expect([...log, ...host('master').commands, ...host('worker').commands].join('\n')).not.toContain(token.slice(8))
  })

  test.each([
    ['with a kubelet.conf', [begun, sign]],
    ['before it, with a CA file that pre-flight would refuse', [begun]],
  ])('after one that was cut off %s: reset first', async (_, paths) => {
    const { ctx, changes } = worker({ paths })
    await joinWorker.run(ctx)
    expect(changes()).toEqual([
      `worker$ rm -f ${done}`,
      `worker$ ${reset}`,
      'worker$ rm -rf /etc/cni/net.d/*flannel* /var/lib/etcd/member',
      'worker$ ip link delete cni0 2>/dev/null || true',
      ...afresh,
    ])
  })

  test('after one that was cut off when its node was Ready: that is this machine, and goes first', async () => {
    const { ctx, changes } = worker({ paths: [begun, sign], node: nodeJson({ name: 'worker', machineID: machineId }) })
    await joinWorker.run(ctx)
    expect(changes()).toContain('master$ kubectl --kubeconfig=/etc/kubernetes/admin.conf delete node worker')
    expect(await joinWorker.check(ctx)).toEqual({ done: true })
  })

  test('another machine that is Ready under its name is left alone, and kubeadm says so', async () => {
    const node = nodeJson({ name: 'worker', machineID: '0'.repeat(32) })
    const { ctx, changes } = worker({ paths: [begun], node })
    expect(await failureOf(joinWorker.run(ctx))).toContain('kubeadm join')
    expect(changes().join('\n')).not.toContain('delete node')
  })

  test('after a human took the worker out: the stale mark goes, and it joins again', async () => {
    const { ctx, changes } = worker({ paths: [begun, done] })
    await joinWorker.run(ctx)
    expect(changes().slice(0, 2)).toEqual([`worker$ rm -f ${done}`, `worker$ ${reset}`])
    expect(await joinWorker.check(ctx)).toEqual({ done: true })
  })

  test("another cluster's worker is refused untouched, before a token is made", async () => {
    const { ctx, changes } = worker({ paths: [sign] })
    expect(await failureOf(joinWorker.run(ctx))).toStartWith(
      'refused: worker is part of a Kubernetes cluster that kedge did not make',
    )
    expect(changes()).toEqual([])
  })

  test('a join that fails takes the file with the token away all the same, and has not come to its end', async () => {
    const { ctx, changes, file } = worker({
      paths: [],
      join: { stderr: 'error execution phase preflight\n', exitCode: 1 },
    })
    expect(await failureOf(joinWorker.run(ctx))).toBe(
      `command: “kubeadm join --config ${joinFile}” ended with exit code 1`,
    )
    expect(changes().at(-1)).toBe(`worker$ rm -f ${joinFile}`)
    expect(file('worker', done)).toBeUndefined()
  })

  test('a finished join is never done again', async () => {
    const { ctx, changes } = worker({ paths: [done, begun, sign] })
    await joinWorker.run(ctx)
    expect(changes()).toEqual(['worker$ systemctl restart kubelet'])
  })

  test('a kubeadm that prints warnings and a wrapped command is understood; one that prints none is not', async () => {
    const token = newToken()
    const wrapped = `W1121 10:00:00 version.go:109] falling back to the local client version: v1.32.10\n${printed(token).replace(' --discovery', ' \\\n\t--discovery')}`
    const { ctx, seen } = worker({ paths: [], create: wrapped })
    await joinWorker.run(ctx)
    expect(JSON.parse(seen[0] ?? '').discovery.bootstrapToken.token).toBe(token)
    expect(await failureOf(joinWorker.run(worker({ paths: [], create: '' }).ctx))).toContain(
      'kubeadm printed no join command',
    )
  })
})

describe('leaving', () => {
  test('a worker that kedge joined ends its part, and the marks go, that of the beginning last', async () => {
    const { ctx, changes } = worker({ paths: [begun, done, sign] })
    await distributionOf(ctx).leaveAsWorker(ctx)
    expect(changes()).toEqual([
      `worker$ rm -f ${done}`,
      `worker$ ${reset}`,
      'worker$ rm -rf /etc/cni/net.d/*flannel* /var/lib/etcd/member',
      'worker$ ip link delete cni0 2>/dev/null || true',
      `worker$ rm -f ${begun}`,
    ])
  })

  test('one that somebody else joined is left alone', async () => {
    const { ctx, changes } = worker({ paths: [sign] })
    await distributionOf(ctx).leaveAsWorker(ctx)
    expect(changes()).toEqual([])
  })
})
