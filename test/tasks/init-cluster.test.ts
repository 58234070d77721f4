import { describe, expect, test } from 'bun:test'
import { initConfig } from '../../lib/distribution/kubeadm-config.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import initCluster from '../../tasks/init-cluster.ts'
import { failureOf, sceneOn } from './context.ts'

const begun = '/var/lib/kedge/kubeadm-begun'
const done = '/var/lib/kedge/kubeadm-done'
const sign = '/etc/kubernetes/manifests/kube-apiserver.yaml'
const initFile = '/var/lib/kedge/kubeadm-init.json'
const reset = 'kubeadm reset --force --cri-socket unix:///run/containerd/containerd.sock'

/** A control plane on which these paths exist; kubeadm and reset change that. */
function master(paths: readonly string[], health: Rule[1] = '', ...more: Rule[]) {
  const there = new Set(paths)
  const admin = '/etc/kubernetes/admin.conf'
  const rules: Rule[] = [
    ...more,
    [`test -s ${admin}`, () => ({ exitCode: there.has(admin) ? 0 : 1 })],
    [
      /^test -e (\S+) && test -s (\S+)$/,
      ({ command }) => ({
        exitCode: command.split(' ').every((word) => !word.startsWith('/') || isThere(word)) ? 0 : 1,
      }),
    ],
    [/^test -e (\S+)$/, ({ command }) => ({ exitCode: isThere(command.slice(8)) ? 0 : 1 })],
    [/ get nodes? /, health],
    [/^kubeadm init/, () => `${there.add(sign).add(admin).size}`],
    [reset, () => `${there.delete(sign)}${there.delete(admin)}`],
    [`rm -f ${done}`, () => `${there.delete(done)}`],
    [/^rm|^systemctl restart kubelet|^ip link delete cni0/, ''],
  ]
  const scene = sceneOn('master', { rules: { master: rules } })
  const isThere = (path: string) => there.has(path) || scene.host('master').files.has(path)
  const changes = () => scene.steps.filter((step) => !/\$ (test|kubectl)/.test(step)).map((step) => step.slice(8))
  return { ...scene, changes }
}
const admin = '/etc/kubernetes/admin.conf'
const refusedConnection = {
  stderr:
    'E1121 memcache.go:265] couldn’t get current server API group list\nThe connection to the server 192.168.23.10:6443 was refused - did you specify the right host or port?\n',
  exitCode: 1,
}

describe('check', () => {
  test.each([
    ['nothing there', [], '', 'there is no control plane'],
    [
      'stopped',
      [admin, sign, begun, done],
      refusedConnection,
      'the API server does not answer: The connection to the server 192.168.23.10:6443 was refused - did you specify the right host or port?',
    ],
    [
      'unwell',
      [admin, sign, begun, done],
      { stderr: 'Error from server (InternalError)\n', exitCode: 1 },
      'the API server does not answer: Error from server (InternalError)',
    ],
    [
      'half-made: it answers, but kubeadm was cut off before its add-ons',
      [admin, sign, begun],
      '',
      'kubeadm init did not come to its end',
    ],
  ])('%s', async (_, paths, health, why) =>
    expect(await initCluster.check(master(paths, health).ctx)).toEqual({ done: false, why }),
  )
  test('done', async () =>
    expect(await initCluster.check(master([admin, sign, begun, done]).ctx)).toEqual({ done: true }))
})

describe('run', () => {
  const afresh = [
    `write ${initFile}`,
    `write ${begun}`,
    `kubeadm init --config ${initFile} --skip-token-print`,
    `write ${done}`,
  ]

  test('from nothing: the file, the mark, kubeadm without printing its token, the other mark', async () => {
    const { ctx, changes, file, mode } = master([])
    await initCluster.run(ctx)
    expect(changes()).toEqual(afresh)
    expect(file('master', initFile)).toBe(initConfig(ctx.topology, ctx.node, 'unix:///run/containerd/containerd.sock'))
    expect(mode('master', initFile)).toBe('600')
    expect(await initCluster.check(ctx)).toEqual({ done: true })
  })

  test.each([
    ['with an API server', [begun, sign, admin]],
    ['in its first phases, of which its pre-flight would refuse what is there', [begun]],
  ])('after one that was cut off %s: reset, then from nothing', async (_, paths) => {
    const { ctx, changes, said } = master(paths)
    await initCluster.run(ctx)
    expect(said).toEqual(['an earlier attempt was cut off: kubeadm reset'])
    expect(changes()).toEqual([
      `rm -f ${done}`,
      reset,
      'rm -rf /etc/cni/net.d/*flannel* /var/lib/etcd/member',
      'ip link delete cni0 2>/dev/null || true',
      ...afresh,
    ])
    expect(await initCluster.check(ctx)).toEqual({ done: true })
  })

  test('after a human took the cluster away: the mark that it came to its end is stale, and goes before anything is made', async () => {
    const { ctx, changes } = master([begun, done], '')
    expect(await initCluster.check(ctx)).toEqual({ done: false, why: 'there is no control plane' })
    await initCluster.run(ctx)
    expect(changes().slice(0, 2)).toEqual([`rm -f ${done}`, reset])
    expect(changes().slice(-4)).toEqual(afresh)
    expect(await initCluster.check(ctx)).toEqual({ done: true })
  })

  test("somebody else's cluster is refused, and nothing of it is touched", async () => {
    const { ctx, changes } = master([sign, admin])
    expect(await failureOf(initCluster.run(ctx))).toBe(
      `refused: master is part of a Kubernetes cluster that kedge did not make (${sign})`,
    )
    expect(changes()).toEqual([])
  })

  test('a finished one is never reset, however ill: the kubelet is restarted until the API server answers', async () => {
    const { ctx, changes, sleeps } = master(
      [admin, sign, begun, done],
      [refusedConnection, refusedConnection, refusedConnection, ''],
    )
    await initCluster.run(ctx)
    expect(changes()).toEqual(['systemctl restart kubelet'])
    expect(sleeps).toEqual([0.5, 0.5])
  })

  test('a kubeadm that fails leaves its mark, so that the next attempt may reset', async () => {
    const { ctx, file } = master([], '', [
      /^kubeadm init/,
      { stderr: '[ERROR Port-6443]: Port 6443 is in use\n', exitCode: 1 },
    ])
    expect(await failureOf(initCluster.run(ctx))).toMatch(/^command: “kubeadm init/)
    expect(file('master', begun)).toBe('')
    expect(file('master', done)).toBeUndefined()
  })

  test('a kubeadm that waited for the kubelet in vain: the kubelet’s own journal says why', async () => {
    const swap =
      'E1122 10:58:14.9   12704 run.go:74] "command failed" err="failed to run Kubelet: running with swap on is not supported"'
    const { ctx } = master(
      [],
      '',
      [
        /^kubeadm init/,
        { stdout: "[kubelet-check] It seems like the kubelet isn't running or healthy.\n", exitCode: 1 },
      ],
      [/^systemctl show kubelet [\s\S]*journalctl -u kubelet /, `LoadState=loaded\nActiveState=active\n\n${swap}\n`],
    )
    const failure = toFailure(await initCluster.run(ctx).catch((error) => error))
    expect(failure.cause).toBe('swap is on, and the kubelet does not start with it')
    expect(failure.lastLines?.slice(1)).toEqual(['kubelet is active', swap])
  })
})
