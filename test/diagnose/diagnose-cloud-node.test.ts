import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { diagnosisText, exitCodeOfDiagnosis } from '../../lib/cli/diagnosis-text.ts'
import { diagnose } from '../../lib/diagnose/diagnose.ts'
import { firstFailure } from '../../lib/diagnose/diagnosis.ts'
import { TaskError } from '../../lib/event/failure.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import { type NodeAnswer, nodeJson } from '../distribution/kubectl-answers.ts'
import { goldenIn } from '../golden-in.ts'
import { cloudFiles, machineRules } from '../kubeedge/fake-lab.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { sceneOn } from '../tasks/context.ts'

const now = Date.parse('2026-11-22T10:00:00Z')
const journal = (name: string) =>
  readFileSync(join(import.meta.dir, `../fixtures/failures/${name}.txt`), 'utf8').split('\n')[0]
const active = 'LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\n\n\n'

type Cloud = {
  ahead?: number
  swap?: string
  service?: string
  silent?: string
  node?: Partial<NodeAnswer> | null
  own?: readonly Rule[]
}

async function diagnosed(name: 'master' | 'worker', cloud: Cloud = {}) {
  const clock = (ahead = 0): Rule => ['date +%s.%N', `${now / 1000 + ahead}\n`]
  const object = cloud.node === null ? '' : nodeJson({ name, ...cloud.node })
  const own: Rule[] = [
    ...(cloud.own ?? []),
    clock(cloud.ahead),
    ['tail -n +2 /proc/swaps', cloud.swap ?? ''],
    [/^systemctl show kubelet /, cloud.service ?? active],
    [/^for target in 192\.168\.23\.10\/6443; do/, cloud.silent ?? ''],
    ...machineRules,
  ]
  const cluster: Rule[] = [[new RegExp(`get node ${name} `), object], clock()]
  const scene = sceneOn(name, {
    files: { [name]: cloudFiles },
    rules: name === 'master' ? { master: [...own, ...cluster] } : { worker: own, master: cluster },
  })
  const diagnosis = await diagnose(scene.ctx, () => now)
  const failed = diagnosis.steps.filter(({ state }) => state === 'FAIL').map(({ what, figure }) => `${what}: ${figure}`)
  return { ...scene, diagnosis, failed, first: firstFailure(diagnosis), exitCode: exitCodeOfDiagnosis(diagnosis) }
}

test.each(['master', 'worker'] as const)('nothing is wrong with %s, and nothing is changed', async (name) => {
  const { diagnosis, failed, exitCode, steps } = await diagnosed(name)
  expect(failed).toEqual([])
  expect(exitCode).toBe(0)
  expect(steps.filter((step) => /write |put |apply|delete|rm |restart/.test(step))).toEqual([])
  await goldenIn('why')(`healthy-${name}.txt`, diagnosisText(diagnosis))
})

describe('each step fails by itself, and says what to type', () => {
  test.each<[string, Cloud, string, RegExp, string]>([
    [
      'a clock ahead of the control plane’s',
      { ahead: 45 },
      'clocks agree: +45 s to this machine, +45 s to master',
      /ahead of that of master/,
      'kedge ssh worker -- sudo date -s @$(date +%s)',
    ],
    [
      'swap',
      { swap: '/swapfile                               file\t3991548\t0\t-2\n' },
      'swap is off: /swapfile',
      /^swap is on/,
      'kedge run disable-swap --on worker',
    ],
    [
      'a runtime that does not run',
      { own: [containerdTells({ service: 'inactive' })] },
      'containerd runs, with systemd cgroups: containerd is inactive',
      /containerd is inactive/,
      'kedge run install-runtime set-cgroup-driver --on worker',
    ],
    [
      'a kubelet that dies: its journal says why',
      {
        service: `LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nNRestarts=9\n\n\n${journal('disk-full')}\n`,
      },
      'kubelet runs: activating (auto-restart), restarted 9 times',
      /a disk of worker is full/,
      'kedge ssh worker -- df -h',
    ],
    [
      'an API server out of reach',
      { silent: '192.168.23.10/6443 124\n' },
      'TCP 192.168.23.10:6443 answers: no answer in 15 s',
      /the API server does not answer on 192\.168\.23\.10:6443 from worker/,
      'kedge run open-ports init-cluster',
    ],
    [
      'a node without a pod network',
      { node: { ready: 'False', message: 'cni plugin not initialized' } },
      'node worker is Ready: cni plugin not initialized',
      /has no pod network yet/,
      'kedge run all --on worker',
    ],
    [
      'one that has not joined',
      { node: null },
      'node worker is Ready: not in the cluster',
      /has not joined/,
      'kedge run join-worker --on worker',
    ],
  ])('%s', async (_, cloud, step, cause, cure) => {
    const { failed, first, exitCode } = await diagnosed('worker', cloud)
    expect(failed[0]).toBe(step)
    expect(first?.cause).toMatch(cause)
    expect(first?.cure).toBe(cure)
    expect(exitCode).toBe(5)
  })

  test('a node out of reach', async () => {
    const lost: Rule[1] = { error: new TaskError({ kind: 'unreachable', message: 'root@192.168.22.11: no answer' }) }
    const { failed, exitCode, first } = await diagnosed('worker', { own: [[/./, lost]] })
    expect(failed).toEqual(['SSH reaches worker: root@192.168.22.11: no answer'])
    expect(exitCode).toBe(4)
    expect(first?.cure).toBe('kedge run create-vms --on worker')
  })
})
