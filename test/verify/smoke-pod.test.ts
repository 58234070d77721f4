import { describe, expect, test } from 'bun:test'
import type { Answer } from '../../lib/host/scripted.ts'
import { runSmokePod } from '../../lib/verify/smoke-pod.ts'
import { fakeSmoke, markerOf, running, type SmokeScript } from '../kubeedge/fake-smoke.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'

const image = 'docker.io/library/busybox:1.35.0'

/** A pod whose clock goes on by a second with each sleep. */
function scene(script: SmokeScript = {}, hostNetwork = true) {
  const fake = fakeSmoke(script)
  const made = sceneOn('edge-1', { rules: fake.rules })
  const now = () => made.sleeps.reduce((sum, seconds) => sum + seconds * 1000, 0)
  return { ...made, ...fake, run: () => runSmokePod(made.ctx, { image, hostNetwork, now }) }
}
const removed = (steps: readonly string[]) => steps.filter((step) => / delete pod kedge-smoke-edge-1-/.test(step))
const error = (stderr: string): Answer => ({ stderr: `${stderr}\n`, exitCode: 1 })

test('the scheduler puts it on the edge, its image is there, its log carries what it was told to print', async () => {
  const { run, pods, steps } = scene()
  expect(await run()).toEqual({
    runs: { holds: true, figure: 'after 0.0 s at 192.168.24.2' },
    log: { holds: true, figure: 'after 0.0 s' },
  })
  const [pod] = pods
  expect(pods).toHaveLength(1)
  expect(pod?.metadata).toMatchObject({ namespace: 'default', labels: { 'kedge.dev/smoke': 'edge-1' } })
  expect(pod?.spec).toMatchObject({
    nodeSelector: { 'kubernetes.io/hostname': 'edge-1' },
    tolerations: [{ operator: 'Exists' }],
    hostNetwork: true,
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    containers: [{ image, imagePullPolicy: 'Never' }],
  })
  expect(pod?.spec.nodeName).toBeUndefined()
  expect(removed(steps)).toEqual([
    `master$ kubectl --kubeconfig=/etc/kubernetes/admin.conf -n default delete pod ${pod?.metadata.name} --ignore-not-found --grace-period=1 --wait=false`,
  ])
})

test('each has a name and a marker of its own', async () => {
  const { run, pods } = scene({}, false)
  await run()
  await run()
  expect(new Set(pods.map(({ metadata }) => metadata.name)).size).toBe(2)
  expect(new Set(pods.map(markerOf)).size).toBe(2)
  expect(pods.map(({ spec }) => spec.hostNetwork)).toEqual([false, false])
})

test('waiting is told once in the cluster’s words, and counted', async () => {
  const unscheduled = {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'False', message: '0/5 nodes are available' }],
  }
  const creating = {
    phase: 'Pending',
    containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }],
  }
  const { run, said } = scene({
    statuses: [unscheduled, unscheduled, creating, running],
    log: (marker, look) => [error('Error from server: dial tcp: connection refused'), '', `${marker}\n`][look] ?? '',
  })
  expect(await run()).toEqual({
    runs: { holds: true, figure: 'after 3.0 s at 192.168.24.2' },
    log: { holds: true, figure: 'after 5.0 s' },
  })
  expect(said.map((line) => line.replace(/kedge-smoke-\S+/, 'it'))).toEqual([
    'pod it 0/5 nodes are available',
    'pod it ContainerCreating',
  ])
})

const waiting = (reason: string, message: string) => ({
  phase: 'Pending',
  containerStatuses: [{ state: { waiting: { reason, message } } }],
})

describe('a pod that does not run', () => {
  test.each<[string, SmokeScript, string, number]>([
    [
      'was refused',
      { created: error('Error from server (Forbidden): pods "x" is forbidden') },
      'Error from server (Forbidden): pods "x" is forbidden',
      0,
    ],
    [
      'has no image',
      { statuses: [waiting('ErrImageNeverPull', 'Container image is not present')] },
      'ErrImageNeverPull: Container image is not present',
      0,
    ],
    [
      'is never scheduled',
      { statuses: [{ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message: 'no node' }] }] },
      'not within 120 s: no node',
      121,
    ],
    [
      'gets no sandbox',
      { statuses: [waiting('ContainerCreating', 'Failed to create pod sandbox')] },
      'not within 120 s: ContainerCreating: Failed to create pod sandbox',
      121,
    ],
    [
      'ended',
      {
        statuses: [
          {
            phase: 'Failed',
            containerStatuses: [{ state: { terminated: { reason: 'Error', message: 'no such program' } } }],
          },
        ],
      },
      'Failed: Error: no such program',
      0,
    ],
    [
      'was evicted',
      { statuses: [{ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource' }] },
      'Failed: Evicted: The node was low on resource',
      0,
    ],
  ])('because it %s says so, and is removed', async (_, script, figure, slept) => {
    const { run, steps, sleeps } = scene(script)
    expect(await run()).toEqual({
      runs: { holds: false, figure },
      log: { holds: false, figure: 'the pod does not run' },
    })
    expect(removed(steps)).toHaveLength(1)
    expect(sleeps).toHaveLength(slept)
  })
})

describe('a log that cannot be read', () => {
  test.each<[string, SmokeScript['log'], string]>([
    [
      'without a tunnel',
      () => error('Error from server (InternalError): Internal error occurred: '),
      'Error from server (InternalError): Internal error occurred:',
    ],
    ['empty', () => '', 'the log is empty'],
    ['of another pod', () => 'something else\n', 'the log is not this pod’s'],
  ])('%s is a claim that fails, the other one holds', async (_, log, figure) => {
    const { run, steps } = scene({ ...(log ? { log } : {}) })
    const { runs, log: read } = await run()
    expect(runs.holds).toBe(true)
    expect(read).toEqual({ holds: false, figure })
    expect(removed(steps)).toHaveLength(1)
  })
})

test('a pod that somebody takes away is told', async () => {
  const { rules } = fakeSmoke()
  const gone = sceneOn('edge-1', { rules: { ...rules, master: [[/ get -n default pod /, ''], ...rules.master] } })
  expect((await runSmokePod(gone.ctx, { image, hostNetwork: true })).runs).toEqual({
    holds: false,
    figure: 'the pod has gone away',
  })
})

test('an interrupt removes the pod before it lets go', async () => {
  const { rules } = fakeSmoke({ statuses: [{ phase: 'Pending' }] })
  const stop = new AbortController()
  const made = sceneOn('edge-1', { rules, signal: stop.signal, onSleep: () => stop.abort() })
  expect(await failureOf(runSmokePod(made.ctx, { image, hostNetwork: true }))).toContain('Stopped')
  // What was started, that is; the log names also what a stop held back.
  const started = made.host('master').commands
  expect(started.filter((command) => / delete pod kedge-smoke-edge-1-/.test(command))).toHaveLength(1)
})

test('a pod that cannot be removed does not hide what was found', async () => {
  const { rules } = fakeSmoke()
  const made = sceneOn('edge-1', {
    rules: { ...rules, master: [[/ delete pod /, error('Unable to connect to the server')], ...rules.master] },
  })
  expect((await runSmokePod(made.ctx, { image, hostNetwork: true })).log.holds).toBe(true)
  expect(made.said.at(-1)).toMatch(/^pod kedge-smoke-edge-1-\w+ was not removed: /)
})
