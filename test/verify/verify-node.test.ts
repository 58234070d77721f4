import { describe, expect, test } from 'bun:test'
import { localConnection } from '../../lib/host/local.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import { answersTo } from '../../lib/verify/finding.ts'
import { mqttAnswers, nodeQuestions } from '../../lib/verify/verify-node.ts'
import { cloudFiles, edgeFiles, edgeRules, machineRules } from '../kubeedge/fake-lab.ts'
import { hostOf } from '../machine/scripted-context.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { loadLab, sceneOn } from '../tasks/context.ts'

const withMqtt = loadLab((text) => text.replace('kubeedge: { ', 'kubeedge: { mqtt: bundle, '))

async function linesOn(name: string, rules: readonly Rule[], files = {}, topology = loadLab()) {
  const { ctx, steps } = sceneOn(name, { topology, rules: { [name]: rules }, files: { [name]: files } })
  const found = await answersTo(nodeQuestions(ctx))
  return {
    lines: found.map(({ node, claim, holds, figure }) => `${holds ? 'ok' : 'FAIL'} ${node} ${claim}: ${figure}`),
    steps,
  }
}
const failedOn = async (...given: Parameters<typeof linesOn>) =>
  (await linesOn(...given)).lines.filter((line) => line.startsWith('FAIL'))

describe('a cloud node', () => {
  test('whole', async () => {
    expect((await linesOn('worker', machineRules, cloudFiles)).lines).toEqual([
      'ok worker kubelet and containerd use systemd cgroups: kubelet systemd, containerd systemd',
      'ok worker swap is off: none',
    ])
  })

  test.each<[string, readonly Rule[], object, string]>([
    [
      'swap that is on',
      [['swapon --noheadings --show=NAME', '/dev/vda2\n/swap\n']],
      {},
      'swap is off: /dev/vda2, /swap',
    ],
    [
      'a kubelet on cgroupfs',
      [],
      { '/var/lib/kubelet/config.yaml': 'cgroupDriver: cgroupfs\n' },
      'kubelet and containerd use systemd cgroups: kubelet cgroupfs, containerd systemd',
    ],
    [
      'a kubelet without a word',
      [],
      { '/var/lib/kubelet/config.yaml': 'a: b\n' },
      'kubelet and containerd use systemd cgroups: kubelet not set, containerd systemd',
    ],
    [
      'a runtime on cgroupfs',
      [containerdTells({ config: 'SystemdCgroup = false\n' })],
      {},
      'kubelet and containerd use systemd cgroups: kubelet systemd, containerd: the cgroup driver is not systemd',
    ],
    [
      'a runtime that does not run',
      [containerdTells({ service: 'failed' })],
      {},
      'kubelet and containerd use systemd cgroups: kubelet systemd, containerd: containerd is failed',
    ],
  ])('%s fails, and is named', async (_, rules, files, why) =>
    expect(await failedOn('master', [...rules, ...machineRules], { ...cloudFiles, ...files })).toEqual([
      `FAIL master ${why}`,
    ]),
  )
})

describe('an edge', () => {
  test('whole: CloudCore is asked on this LAN, on each port, for exactly that address', async () => {
    const { lines, steps } = await linesOn('edge-1', edgeRules, edgeFiles)
    expect(lines).toEqual([
      'ok edge-1 edgecore and containerd use systemd cgroups: edgecore systemd, containerd systemd',
      'ok edge-1 swap is off: none',
      'ok edge-1 CloudCore answers on 192.168.24.1:10000 with a certificate for it: Verification: OK',
      'ok edge-1 CloudCore answers on 192.168.24.1:10002 with a certificate for it: Verification: OK',
      'ok edge-1 CloudCore answers on 192.168.24.1:10004: answers',
    ])
    for (const port of [10000, 10002]) {
      const asked = steps.filter((step) => step.includes(`-connect 192.168.24.1:${port} `))
      expect(asked).toHaveLength(1)
      expect(asked[0]).toContain('-CAfile /etc/kubeedge/ca/rootCA.crt -verify_ip 192.168.24.1 -verify_return_error')
    }
  })

  test.each<[string, Rule, string]>([
    ['swap that is on', ['swapon --noheadings --show=NAME', '/dev/vda2\n'], 'swap is off: /dev/vda2'],
    [
      'edgecore on cgroupfs, which is its default',
      [/edgecore.yaml$/, '      cgroupDriver: cgroupfs\n'],
      'edgecore and containerd use systemd cgroups: edgecore cgroupfs, containerd systemd',
    ],
    [
      'no edgecore.yaml',
      [/edgecore.yaml$/, { exitCode: 2 }],
      'edgecore and containerd use systemd cgroups: edgecore not set, containerd systemd',
    ],
    [
      'a certificate for another address',
      [/s_client -connect \S+:10002 /, 'verify error:num=64:IP address mismatch\n'],
      'CloudCore answers on 192.168.24.1:10002 with a certificate for it: verify error:num=64:IP address mismatch',
    ],
    [
      'a hub that is closed',
      [/s_client -connect \S+:10000 /, { exitCode: 1 }],
      'CloudCore answers on 192.168.24.1:10000 with a certificate for it: no answer',
    ],
    ['no tunnel', [/^for target in /, '192.168.24.1/10004 1\n'], 'CloudCore answers on 192.168.24.1:10004: refused'],
    [
      'a tunnel behind a filter',
      [/^for target in /, '192.168.24.1/10004 124\n'],
      'CloudCore answers on 192.168.24.1:10004: no answer in 15 s',
    ],
  ])('%s fails, and is named', async (_, rule, why) =>
    expect(await failedOn('edge-1', [rule, ...edgeRules], edgeFiles)).toEqual([`FAIL edge-1 ${why}`]),
  )

  test('a broker is asked for only where the file wants one', async () => {
    const broker = (bytes: string): Rule => [/od -An/, bytes]
    const on = (bytes: string) => linesOn('edge-1', [broker(bytes), ...edgeRules], edgeFiles, withMqtt)
    expect((await on(' 20 02 00 00\n')).lines.at(-1)).toBe('ok edge-1 MQTT answers on 1883: accepts a client')
    expect((await on('')).lines.at(-1)).toBe('FAIL edge-1 MQTT answers on 1883: no answer')
  })
})

/** A server on a port of this machine that answers a client's first bytes so. */
async function against(answer: Uint8Array | undefined) {
  let heard = ''
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      data(socket, data) {
        heard = data.toString('hex')
        if (answer) socket.write(answer)
        socket.end()
      },
    },
  })
  const connection = localConnection()
  const verdict = await mqttAnswers(hostOf(connection), server.port)
  server.stop(true)
  await connection.close()
  return { verdict, heard }
}

test('the hello is a whole CONNECT of MQTT 3.1.1, and only a broker’s answer counts', async () => {
  const accepted = await against(new Uint8Array([0x20, 2, 0, 0]))
  expect(accepted.heard).toBe(
    `1011${'0004'}${Buffer.from('MQTT').toString('hex')}0402003c0005${Buffer.from('kedge').toString('hex')}`,
  )
  expect(accepted.verdict).toEqual({ holds: true, figure: 'accepts a client' })
  expect((await against(new Uint8Array([0x20, 2, 0, 5]))).verdict).toEqual({
    holds: false,
    figure: 'refuses a client with code 5',
  })
  expect((await against(Buffer.from('HTTP/1.1 400'))).verdict).toEqual({ holds: false, figure: 'no MQTT: 48 54 54 50' })
  expect((await against(undefined)).verdict).toEqual({ holds: false, figure: 'no answer' })
})
