import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { cloudcoreReason } from '../../lib/kubeedge/cloudcore-reason.ts'
import { listJson } from '../distribution/kubectl-answers.ts'
import { sceneOn } from '../tasks/context.ts'

type Cluster = { pods?: readonly object[]; warnings?: readonly object[]; log?: string; before?: string }

function reason({ pods = [], warnings = [], log = '', before }: Cluster) {
  const rules: Rule[] = [
    [/get -n kubeedge pods /, listJson(pods)],
    [/get -n kubeedge events --field-selector=type=Warning /, listJson(warnings)],
    [/logs deployment\/cloudcore --tail=200 --previous$/, before ?? { stderr: 'previous terminated', exitCode: 1 }],
    [/logs deployment\/cloudcore --tail=200$/, log],
  ]
  return cloudcoreReason(sceneOn('master', { rules: { master: rules } }).ctx, 'kubeedge')
}

const name = 'cloudcore-5959c6cf46-6jct5'
const waiting = (reason: string, message?: string) => ({
  metadata: { name },
  status: { containerStatuses: [{ state: { waiting: { reason, ...(message ? { message } : {}) } } }] },
})

describe('why CloudCore does not come up', () => {
  test('nothing is known while it only begins', async () => {
    expect(await reason({ pods: [waiting('ContainerCreating')] })).toBeUndefined()
    expect(await reason({})).toBeUndefined()
  })
  test('its image is not there', async () => {
    const message = 'Back-off pulling image "docker.io/kubeedge/cloudcore:v1.23.1"'
    expect(await reason({ pods: [waiting('ImagePullBackOff', message)] })).toMatchObject({
      lines: [`${name} waits: ImagePullBackOff: ${message}`],
      cause: 'the image docker.io/kubeedge/cloudcore:v1.23.1 is not on master, and cannot be pulled from there',
      cure: 'kedge run load-kubeedge-images --on master',
    })
  })
  test('nobody has room for it: in the scheduler’s words', async () => {
    const message = '0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint.'
    const pod = { metadata: { name }, status: { conditions: [{ type: 'PodScheduled', status: 'False', message }] } }
    expect(await reason({ pods: [pod] })).toEqual({
      lines: [`${name} is not scheduled: ${message}`],
      cause: `${name} is not scheduled: ${message}`,
    })
  })
  test('it ends as soon as it starts: the log of the one before says why', async () => {
    const fatal = 'F0414 09:54:35.018656   90353 server.go:67] listen tcp 0.0.0.0:10002: bind: address already in use'
    const found = await reason({
      pods: [waiting('CrashLoopBackOff', 'back-off 40s restarting failed container=cloudcore')],
      warnings: [{ reason: 'BackOff', message: 'Back-off restarting failed container' }],
      before: `I0414 09:54:34.1  90353 server.go:64] Version: v1.23.1\n${fatal}\n`,
    })
    expect(found).toMatchObject({
      lines: [
        `${name} waits: CrashLoopBackOff: back-off 40s restarting failed container=cloudcore`,
        'BackOff: Back-off restarting failed container',
        fatal,
      ],
      cause: 'port 10002 is taken by another program on master',
    })
  })
  test('the same warning is shown once, and of many the last', async () => {
    const warnings = [1, 1, 2, 3, 4, 5, 6].map((each) => ({ reason: 'Failed', message: `${each}` }))
    expect((await reason({ warnings }))?.lines).toEqual([
      'Failed: 2',
      'Failed: 3',
      'Failed: 4',
      'Failed: 5',
      'Failed: 6',
    ])
  })
})
