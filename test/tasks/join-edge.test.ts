import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { toFailure } from '../../lib/host/to-failure.ts'
import { edgeNetwork } from '../../lib/kubeedge/edge-network.ts'
import { yamlValue } from '../../lib/topology/change-yaml.ts'
import joinEdge from '../../tasks/join-edge.ts'
import { edgeLabels } from '../distribution/kubectl-answers.ts'
import { caHash, tokenAndCaJson, tokenOf } from '../kubeedge/make-token.ts'
import { failureOf, loadLab, sceneOn } from './context.ts'
import {
  cniFile,
  type EdgeParts,
  edgecoreFile,
  edgecoreYaml,
  fakeEdge,
  keadmTokenFile,
  machineId,
  newToken,
  tokenFile,
} from './fake-edge.ts'

const nothing: EdgeParts = { service: 'inactive', certificates: false, leftovers: false, node: 'absent', token: true }
const joined: EdgeParts = { service: 'active', certificates: true, leftovers: true, node: 'ready', token: false }
const reset = 'keadm reset edge --force --remote-runtime-endpoint=unix:///run/containerd/containerd.sock'
const network = edgeNetwork('10.244.3.0/24')

describe('check', () => {
  const verdict = async (parts: EdgeParts, node = {}, cni: string | undefined = network) => {
    const { ctx } = fakeEdge(parts, node)
    if (cni) await ctx.host.write(cniFile, cni)
    return joinEdge.check(ctx)
  }
  test('done', async () => expect(await verdict(joined)).toEqual({ done: true }))
  test.each<[string, Partial<EdgeParts>, object, string | undefined, string]>([
    ['never joined', nothing, {}, '', 'not joined'],
    ['joined once, stopped', { service: 'failed' }, {}, network, 'edgecore is not running'],
    ['running, waiting for certificates', { certificates: false }, {}, network, 'edgecore has no certificates yet'],
    [
      'joined by a keadm that was killed',
      { keadmToken: true },
      {},
      network,
      'the token that it joined with is still there',
    ],
    [
      'joined, and killed before it forgot',
      { token: true },
      {},
      network,
      'the token that it joined with is still there',
    ],
    ['not in the cluster', { node: 'absent' }, {}, network, 'node edge-1 is not in the cluster'],
    [
      'cut off',
      { node: 'not ready' },
      { message: 'Kubelet stopped posting node status.' },
      network,
      'node edge-1 is not Ready: Kubelet stopped posting node status.',
    ],
    [
      'of another version',
      {},
      { version: 'v1.32.10-kubeedge-v1.23.10' },
      network,
      'node edge-1 reports version v1.32.10-kubeedge-v1.23.10, not …-kubeedge-v1.23.1',
    ],
    [
      'half-made: Ready through a pod network that is not its own',
      {},
      {},
      edgeNetwork('10.244.9.0/24'),
      `${cniFile} is not what kedge writes`,
    ],
    [
      'half-made: without its labels',
      {},
      { labels: { ...edgeLabels, site: 'lab-6' } },
      network,
      'node edge-1 lacks the labels device=camera, site=lab-7',
    ],
  ])('%s', async (_, parts, node, cni, why) =>
    expect(await verdict({ ...joined, ...parts }, node, cni)).toEqual({ done: false, why }),
  )
})

describe('run', () => {
  const flags =
    '--cloudcore-ipport=192.168.24.1:10000 --edgenode-name=edge-1 --kubeedge-version=v1.23.1 --cgroupdriver=systemd --remote-runtime-endpoint=unix:///run/containerd/containerd.sock --set=modules.edgeStream.enable=true,modules.eventBus.mqttMode=0 --labels=device=camera,site=lab-7'
  const afresh = [
    `edge-1$ keadm join --token="$(cat ${tokenFile})" ${flags}`,
    `edge-1$ rm -f ${tokenFile} ${keadmTokenFile}`,
    `edge-1$ write ${cniFile}`,
    'master$ kubectl label node edge-1 --overwrite device=camera site=lab-7',
  ]
  const plain = (steps: readonly string[]) => steps.map((step) => step.replaceAll("'", ''))

  test('from nothing: join on its own LAN and NIC, its pod network, its labels, Ready', async () => {
    const { ctx, changes, file, sleeps } = fakeEdge(nothing)
    await joinEdge.run(ctx)
    expect(plain(changes())).toEqual(afresh)
    expect(file('edge-1', cniFile)).toBe(network)
    expect(file('edge-1', tokenFile)).toBeUndefined()
    expect(sleeps).toEqual([0.5])
    expect(await joinEdge.check(ctx)).toEqual({ done: true })
  })

  test('the ports are asked from the edge before keadm is, which would say “timed out” minutes later', async () => {
    const { ctx, changes, steps } = fakeEdge(nothing, {}, [
      [/^for target in/, '192.168.24.1/10004 124\n192.168.24.1/10002 1\n'],
    ])
    expect(await failureOf(joinEdge.run(ctx))).toBe(
      'command: edge-1 does not reach CloudCore on 192.168.24.1, port 10002, 10004',
    )
    expect(changes()).toEqual([])
    expect(steps.at(-1)).toContain('for target in 192.168.24.1/10000 192.168.24.1/10002 192.168.24.1/10004;')
  })

  test('the token is in no command and in no line of the log', async () => {
    const { ctx, log, host, token } = fakeEdge({ ...nothing, token: false })
    await joinEdge.run(ctx)
    const all = [...log, ...host('edge-1').commands, ...host('master').commands].join('\n')
    for (const part of token.split('.')) expect(all).not.toContain(part)
    expect(all).not.toContain(Buffer.from(token).toString('base64'))
  })

  const every = <T>(...values: T[]) => values
  const states = every('active', 'inactive', 'failed' as const).flatMap((service) =>
    every(true, false).flatMap((certificates) =>
      every(true, false).flatMap((leftovers) =>
        every('absent', 'ready', 'not ready' as const).flatMap((node) =>
          every(true, false).map((token) => {
            // In half of them keadm was killed with its own file there.
            const keadmToken = leftovers !== token
            return { service, certificates, leftovers: leftovers || certificates, node, token, keadmToken } as EdgeParts
          }),
        ),
      ),
    ),
  )

  test(`from each of ${states.length} states that a cut-off join may leave, it comes to the same end`, async () => {
    for (const state of states) {
      const { ctx, changes } = fakeEdge(state)
      const place = JSON.stringify(state)
      // Ready in the cluster, and not from here: another machine has the name.
      if (state.node === 'ready' && state.service !== 'active' && !state.certificates) {
        expect(await failureOf(joinEdge.run(ctx)), place).toBe(
          'refused: the cluster has a node edge-1 that is Ready, and it is not this machine',
        )
        expect(changes(), place).toEqual([])
        continue
      }
      expect(await failureOf(joinEdge.run(ctx)), place).toBe('no failure')
      expect(await joinEdge.check(ctx), place).toEqual({ done: true })
      const joins = changes().filter((step) => step.includes('keadm join')).length
      expect(joins, place).toBe(state.certificates && state.node !== 'absent' ? 0 : 1)
    }
    // Not a promise about speed.
  }, 60_000)

  test('a node that is still Ready, and was reported from this very machine, is taken back like any other', async () => {
    const state: EdgeParts = { ...nothing, leftovers: true, node: 'ready' }
    const { ctx, changes } = fakeEdge(state, { machineID: machineId })
    await joinEdge.run(ctx)
    expect(changes()[0]).toBe(`edge-1$ ${reset}`)
    const other = fakeEdge(state, { machineID: machineId.replace('6', '7') })
    expect(await failureOf(joinEdge.run(other.ctx))).toContain('it is not this machine')
  })

  test('a finished join that was stopped is started, not repeated', async () => {
    const { ctx, changes } = fakeEdge({ ...joined, service: 'inactive' })
    await joinEdge.run(ctx)
    expect(changes()).toEqual([
      'edge-1$ systemctl enable --now edgecore',
      `edge-1$ rm -f ${tokenFile} ${keadmTokenFile}`,
      `edge-1$ write ${cniFile}`,
    ])
  })

  test("a half-made join is taken back whole, on the edge and in the cluster: keadm's own reset stops half-way", async () => {
    const { ctx, changes, said } = fakeEdge({ ...nothing, leftovers: true, node: 'not ready' })
    await joinEdge.run(ctx)
    expect(said[0]).toBe('an earlier join did not come to its end: starting over')
    const steps = changes()
    expect(steps[0]).toBe(`edge-1$ ${reset}`)
    expect(steps[1]).toMatch(
      /findmnt .*\n?.*umount\nfor folder in \/etc\/kubeedge \/var\/log\/kubeedge \/var\/lib\/kubeedge \/var\/lib\/edged \/var\/lib\/kubelet; do[\s\S]*-xdev -mindepth 1 -delete/,
    )
    expect(steps[2]).toBe('master$ kubectl delete node edge-1 --ignore-not-found')
    expect(plain(steps.slice(3))).toEqual(afresh)
  })

  test.each([
    ['of another CA', tokenOf('0'.repeat(64), new Date(Date.now() + 3600_000))],
    ['that is over', tokenOf(caHash, new Date(Date.now() - 1000))],
    ['cut short', newToken().slice(0, 120)],
  ])('a token %s on the edge is replaced before keadm would wait for it in vain', async (_, bad) => {
    const { ctx, steps, token } = fakeEdge(nothing, {}, [[/^keadm join/, { stderr: 'seen\n', exitCode: 1 }]])
    await ctx.host.write(tokenFile, bad)
    await failureOf(joinEdge.run(ctx))
    expect(await ctx.host.read(tokenFile)).toBe(token)
    expect(steps.filter((step) => step.includes('keadm join'))).toHaveLength(1)
  })

  test('one that nobody can join with is refused before keadm is run, with what makes another', async () => {
    const over = new Date(Date.now() - 3600_000)
    const { ctx, steps } = fakeEdge(nothing, {}, [], { token: tokenOf(caHash, over) })
    const error = toFailure(await joinEdge.run(ctx).catch((thrown) => thrown))
    expect(error).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('edge-1 cannot join: the token expired at'),
      cure: 'kedge run get-token join-edge --on edge-1',
    })
    expect(steps.join()).not.toContain('keadm')
  })

  test('an edge whose certificate is over joins anew; its node may still be Ready', async () => {
    const certificate = readFileSync(new URL('../fixtures/tasks/expired-edge.crt', import.meta.url), 'utf8')
    const { ctx, changes, said } = fakeEdge(joined, {}, [], { certificate })
    const check = await joinEdge.check(ctx)
    expect(check).toMatchObject({ done: false, why: expect.stringMatching(/^the edge's certificate ended at 20/) })
    await joinEdge.run(ctx)
    expect(said[0]).toBe("the edge's certificate is over: starting over")
    expect(changes()[0]).toBe(`edge-1$ ${reset}`)
    expect(await joinEdge.check(ctx)).toEqual({ done: true })
  })

  test('a join that fails keeps the token for the next attempt', async () => {
    const { ctx, file, token } = fakeEdge(nothing, {}, [
      [/^keadm join/, { stderr: 'timed out waiting for the condition\n', exitCode: 1 }],
    ])
    expect(await failureOf(joinEdge.run(ctx))).toMatch(
      /^command: “keadm join --token="\$\(cat \/var\/lib\/kedge\/secrets\/edge-token\)"/,
    )
    expect(file('edge-1', tokenFile)).toBe(token)
  })

  const unit = 'LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nNRestarts=31\n\n'
  const refusedToken =
    'panic: failed to apply the edge certs, err: failed to get edge certificate from the cloudcore, error: failed to call http, code: 401, message: token validation failure, err: Token is expired'

  test('keadm says that it waited; the journal of edgecore says for what', async () => {
    const { ctx } = fakeEdge(nothing, {}, [
      [/^keadm join/, { stderr: 'Error: edge node join failed: timed out waiting for the condition\n', exitCode: 1 }],
      [/^systemctl show edgecore [\s\S]*journalctl -u edgecore --since=-\d+s /, `${unit}${refusedToken}\n`],
    ])
    const failure = toFailure(await joinEdge.run(ctx).catch((error) => error))
    expect(failure).toMatchObject({
      kind: 'command',
      exitCode: 1,
      lastLines: [
        'Error: edge node join failed: timed out waiting for the condition',
        'edgecore is activating (auto-restart), restarted 31 times',
        refusedToken,
      ],
      cure: 'kedge run join-edge --on edge-1',
    })
    expect(failure.cause).toStartWith('the join token has expired')
  })

  test('an edge that joins and does not become Ready is asked for its journal while there is time', async () => {
    const over = new AbortController()
    const { ctx, sleeps } = fakeEdge({ ...joined, service: 'inactive' }, { message: 'it is not' }, [
      [/^echo "service /, 'service activating\nca\ncerts\n/etc/kubeedge/certs/server.crt\n'],
      [/^systemctl show edgecore /, `${unit}E0302 16:52:06.6   1 made.go:1] nobody knows this\n`],
    ])
    const sleep = async (seconds: number) => {
      if (sleeps.length === 22) over.abort()
      over.signal.throwIfAborted()
      await ctx.sleep(seconds)
    }
    const failure = toFailure(await joinEdge.run({ ...ctx, signal: over.signal, sleep }).catch((error) => error))
    expect(failure).toMatchObject({
      kind: 'timeout',
      message: 'still waiting: edgecore is not running',
      lastLines: [
        'edgecore is activating (auto-restart), restarted 31 times',
        'E0302 16:52:06.6   1 made.go:1] nobody knows this',
        'edgecore is not running',
      ],
    })
  })

  test('an edge behind NAT goes where the file says, and lets edgecore find its own NIC', async () => {
    const commands: string[] = []
    const { ctx } = sceneOn('pi', {
      files: { pi: { [tokenFile]: 'some token' } },
      rules: {
        pi: [
          [/^keadm join/, ({ command }) => ({ stderr: `${commands.push(command)}`, exitCode: 1 })],
          [/^echo "service /, 'service inactive\n'],
          [/^for target/, ''],
        ],
        master: [
          [/get node pi /, ''],
          [/tokensecret casecret/, tokenAndCaJson(newToken())],
        ],
      },
    })
    await failureOf(joinEdge.run(ctx))
    expect(commands[0]).toContain('--cloudcore-ipport=203.0.113.10:10000')
    expect(commands[0]).not.toContain('--labels')
  })
})

describe("edgecore's file", () => {
  const labWith = (kubeedge: string) => loadLab((text) => text.replace(/^kubeedge:.*$/m, `kubeedge: ${kubeedge}`))
  const verdict = async (yaml: string, kubeedge = '{ version: 1.23.1 }') => {
    const { ctx } = fakeEdge(joined, {}, [], { yaml, topology: labWith(kubeedge) })
    await ctx.host.write(cniFile, network)
    return joinEdge.check(ctx)
  }
  const quic = '{ version: 1.23.1, protocol: quic }'
  const pending = (why: string) => ({ done: false, why })

  test('check: as the join left it', async () => expect(await verdict(edgecoreYaml)).toEqual({ done: true }))

  test.each([
    [
      'a broker since',
      edgecoreYaml,
      '{ version: 1.23.1, mqtt: bundle }',
      'edgecore.yaml has modules.eventBus.mqttMode 0, not 2',
    ],
    ['QUIC since', edgecoreYaml, quic, 'edgecore.yaml has modules.edgeHub.websocket.enable true, not false'],
    [
      'logs switched off by hand',
      edgecoreYaml.replace('edgeStream:\n    enable: true', 'edgeStream:\n    enable: false'),
      undefined,
      'edgecore.yaml has modules.edgeStream.enable false, not true',
    ],
    [
      'another address',
      edgecoreYaml.replace('server: 192.168.24.1:10000', 'server: 192.168.24.9:10000'),
      undefined,
      'edgecore.yaml has modules.edgeHub.websocket.server 192.168.24.9:10000, not 192.168.24.1:10000',
    ],
    [
      'another runtime',
      edgecoreYaml.replace('unix:///run/containerd/containerd.sock', 'unix:///run/crio/crio.sock'),
      undefined,
      'edge-1 has joined with the runtime at unix:///run/crio/crio.sock, and the file gives it containerd',
    ],
    ['none', '', undefined, 'edgecore.yaml has modules.edgeStream.enable unset, not true'],
  ])('check: %s', async (_, yaml, kubeedge, why) => expect(await verdict(yaml, kubeedge)).toEqual(pending(why)))

  test('check: what is 0 or false may be left out, as KubeEdge does', async () => {
    const without = edgecoreYaml.replace('    mqttMode: 0\n', '').replace('      enable: false\n', '')
    expect(await verdict(without)).toEqual({ done: true })
  })

  test('run: a protocol that changed is applied in place, without another join', async () => {
    const { ctx, changes, file, mode } = fakeEdge(joined, {}, [], { topology: labWith(quic) })
    await ctx.host.write(cniFile, network)
    await joinEdge.run(ctx)
    expect(changes().slice(1, 4)).toEqual([
      'edge-1$ systemctl enable --now edgecore',
      `edge-1$ write ${edgecoreFile}.kedge`,
      `edge-1$ systemctl stop edgecore && mv -f ${edgecoreFile}.kedge ${edgecoreFile} && systemctl start edgecore`,
    ])
    expect(changes().join('\n')).not.toContain('keadm')
    // keadm leaves the token in it.
    expect(mode('edge-1', `${edgecoreFile}.kedge`)).toBe('600')
    const lines = (text = '') => text.split('\n').map((line) => line.trim())
    expect(lines(file('edge-1', edgecoreFile))).toEqual(
      lines(
        edgecoreYaml
          .replace('quic:\n      enable: false', 'quic:\n      enable: true')
          .replace('websocket:\n      enable: true', 'websocket:\n      enable: false'),
      ),
    )
    expect(await joinEdge.check(ctx)).toEqual({ done: true })
  })

  test.each([
    ['1.17.5', ['modules.edgeStream.enable=true', 'modules.eventBus.mqttMode=0', 'modules.edged.nodeIP=192.168.24.2']],
    ['1.20.0', ['modules.eventBus.mqttMode=0']],
  ])('run: what keadm %s does not take is written after the join', async (version, written) => {
    // As that keadm leaves it, given what its --set takes.
    const defaults = edgecoreYaml.replace('mqttMode: 0', 'mqttMode: 2')
    const yaml = version.startsWith('1.17')
      ? defaults
          .replace('edgeStream:\n    enable: true', 'edgeStream:\n    enable: false')
          .replace('    nodeIP: 192.168.24.2\n', '')
      : defaults
    const topology = loadLab((text) =>
      text
        .replace(/^kubeedge:.*$/m, `kubeedge: { version: ${version} }`)
        .replace(/^kubernetes:.*$/m, 'kubernetes: { version: 1.28.0 }'),
    )
    const object = { version: `v1.28.11-kubeedge-v${version}` }
    const { ctx, said, file } = fakeEdge(nothing, object, [], { yaml, topology })
    await joinEdge.run(ctx)
    expect(said[0]).toBe(`edgecore.yaml: ${written.join(', ')}`)
    expect(yamlValue(file('edge-1', edgecoreFile) ?? '', ['modules', 'edged', 'nodeIP'])).toBe('192.168.24.2')
    expect(await joinEdge.check(ctx)).toEqual({ done: true })
  })

  test('an edge known by its NIC, as earlier joins left it, is known by its address instead: it must start without a link', async () => {
    const yaml = edgecoreYaml.replace('nodeIP: 192.168.24.2', 'customInterfaceName: ens4')
    const { ctx, said, file } = fakeEdge(joined, {}, [], { yaml })
    expect(await joinEdge.check(ctx)).toEqual({
      done: false,
      why: 'edgecore.yaml has modules.edged.nodeIP unset, not 192.168.24.2',
    })
    await joinEdge.run(ctx)
    expect(said[0]).toBe('edgecore.yaml: modules.edged.nodeIP=192.168.24.2, modules.edged.customInterfaceName=')
    expect(yamlValue(file('edge-1', edgecoreFile) ?? '', ['modules', 'edged', 'customInterfaceName'])).toBe('')
    expect(await joinEdge.check(ctx)).toEqual({ done: true })
  })

  test('run: another runtime than that of the join is refused, and nothing is written', async () => {
    const yaml = edgecoreYaml.replace('unix:///run/containerd/containerd.sock', 'unix:///run/crio/crio.sock')
    const { ctx, changes } = fakeEdge(joined, {}, [], { yaml })
    expect(await failureOf(joinEdge.run(ctx))).toMatch(/^refused: edge-1 has joined with the runtime at unix:/)
    expect(changes().join('\n')).not.toContain('write')
  })

  test('run: with `mqtt: host` and no broker there the edge is not touched', async () => {
    const { ctx, changes } = fakeEdge(nothing, {}, [[/127\.0\.0\.1\/1883/, { exitCode: 1 }]], {
      topology: labWith('{ version: 1.23.1, mqtt: host }'),
    })
    expect(await failureOf(joinEdge.run(ctx))).toMatch(/^command: edge-1 has no MQTT broker/)
    expect(changes()).toEqual([expect.stringContaining('127.0.0.1/1883')])
  })

  test('over QUIC the TCP port of the hub is not asked for, which may be closed', async () => {
    const { ctx, steps } = fakeEdge(nothing, {}, [], { topology: labWith(quic) })
    await failureOf(joinEdge.run(ctx))
    const asked = steps.find((step) => step.includes('/dev/tcp/')) ?? ''
    expect(asked).toContain('10002')
    expect(asked).not.toContain('10000')
  })
})
