import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { setUpCniFolder } from '../../lib/runtime/cni-folder.ts'
import installRuntime from '../../tasks/install-runtime.ts'
import { failureOf, sceneOn } from './context.ts'
import { asksForSums, changesOf, delivered, noPieces, sumLine } from './lab-bundle.ts'

const absent = { stderr: 'bash: line 1: containerd: command not found\n', exitCode: 127 }
const containerd: Rule = [
  'containerd --version',
  'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n',
]
const crioPrograms = 'crio --version && skopeo --version'
const crio: Rule = [crioPrograms, 'crio version 1.28.4\nskopeo version 1.9.3\n']
const noSamples: Rule = [/^ls \/etc\/cni\/net\.d/, '10-kedge.conflist\n200-loopback.conf\n']
const crictl: Rule = [asksForSums, sumLine('crictl', '/usr/local/bin/crictl')]
const plugins = /\/opt\/cni\/bin/

describe('check', () => {
  const verdict = (node: string, ...rules: Rule[]) =>
    installRuntime.check(sceneOn(node, { rules: { [node]: rules } }).ctx)

  test('nothing there: the packages by name', async () => {
    expect(
      await verdict(
        'edge-1',
        ['containerd --version', absent],
        [/^dpkg-query/, { stdout: 'runc installed\n', exitCode: 1 }],
      ),
    ).toEqual({ done: false, why: 'containerd, containernetworking-plugins not installed' })
    expect(await verdict('edge-2', [crioPrograms, { exitCode: 127 }], [/^dpkg-query/, { exitCode: 1 }])).toEqual({
      done: false,
      why: 'cri-o, runc, conmon, containernetworking-plugins, skopeo not installed',
    })
  })

  test('packages there, program not', async () => {
    const all = 'containerd installed\nrunc installed\ncontainernetworking-plugins installed\n'
    expect(await verdict('edge-1', ['containerd --version', absent], [/^dpkg-query/, all])).toEqual({
      done: false,
      why: 'containerd not installed',
    })
  })

  test('there: it need not run, since it is not configured yet', async () => {
    expect(await verdict('edge-1', containerd, [plugins, ''])).toEqual({ done: true })
    expect(await verdict('edge-2', crio, [plugins, ''], noSamples, crictl)).toEqual({ done: true })
  })

  test('half-made: the packages are there, and kedge was cut off before the CNI plug-ins were in their folder', async () => {
    for (const [node, version] of [['edge-1', containerd] as const, ['edge-2', crio] as const]) {
      expect(await verdict(node, version, [plugins, { exitCode: 1 }])).toEqual({
        done: false,
        why: 'the CNI plug-ins are not in /opt/cni/bin',
      })
    }
  })
})

test.each([
  ['edge-1', 'containerd'],
  ['edge-2', 'cri-o'],
])('run on %s installs %s from the bundle and one folder for CNI plug-ins, and starts nothing', async (node, piece) => {
  const { ctx, steps } = sceneOn(node, { rules: { [node]: [noPieces, [/^/, '']] } })
  await installRuntime.run(ctx)
  expect(changesOf(steps).filter((step) => / put | --install |\/opt\/cni|systemctl/.test(step))).toEqual([
    `${node}$ put ${delivered(piece)}`,
    expect.stringContaining(` --install /var/lib/kedge/packages/${piece}/*.deb`),
    expect.stringMatching(/mkdir -p \/opt\/cni\/bin/),
    ...(piece === 'cri-o' ? [`${node}$ put ${delivered('crictl')}`] : []),
  ])
})

describe('CRI-O', () => {
  const samples = '10-crio-bridge.conflist\n10-flannel.conflist\n100-crio-bridge.conf\n11-crio-ipv4-bridge.conflist\n'

  test('check: its sample networks, which come before the lab’s by name, and crictl', async () => {
    const verdict = (...rules: Rule[]) =>
      installRuntime.check(sceneOn('edge-2', { rules: { 'edge-2': [crio, [plugins, ''], ...rules] } }).ctx)
    expect(await verdict([/^ls/, samples])).toEqual({
      done: false,
      why: "CRI-O's sample network would win over the lab's: 10-crio-bridge.conflist, 100-crio-bridge.conf, 11-crio-ipv4-bridge.conflist",
    })
    expect(await verdict(noSamples, [asksForSums, { exitCode: 1 }])).toEqual({
      done: false,
      why: 'crictl is not as in the bundle',
    })
  })

  test('run: a sample is set aside with its content, the lab’s own stays', async () => {
    const { ctx, steps } = sceneOn('edge-2', {
      rules: { 'edge-2': [noPieces, [/^ls \/etc\/cni/, samples], [/^/, '']] },
    })
    await installRuntime.run(ctx)
    const moved = steps.filter((step) => /mv -f \/etc\/cni/.test(step))
    expect(moved).toHaveLength(3)
    expect(moved[0]).toBe(
      'edge-2$ mv -f /etc/cni/net.d/10-crio-bridge.conflist /etc/cni/net.d/10-crio-bridge.conflist.kedge-aside',
    )
    expect(moved.join()).not.toContain('flannel')
  })

  test('run: Docker’s containerd.io and the runc that CRI-O needs rule each other out; nothing is touched', async () => {
    const { ctx, steps } = sceneOn('edge-2', {
      rules: {
        'edge-2': [
          [/^grep/, { exitCode: 1 }],
          [/^dpkg-query/, 'containerd.io installed\n'],
        ],
      },
    })
    expect(await failureOf(installRuntime.run(ctx))).toMatch(/^refused: edge-2 has Docker's containerd.io/)
    expect(steps.filter((step) => !/dpkg-query|grep/.test(step))).toEqual([])
  })
})

test('a node that has joined with another runtime keeps it, and says so before anything is installed', async () => {
  const joined = 'containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n'
  const { ctx, steps } = sceneOn('edge-2', { rules: { 'edge-2': [[/^grep/, joined]] } })
  expect(await failureOf(installRuntime.run(ctx))).toBe(
    'refused: edge-2 has joined with the runtime at unix:///run/containerd/containerd.sock, and the file gives it cri-o',
  )
  expect(steps).toHaveLength(1)
})

test('the plug-ins of the distribution are linked, those of somebody else stay', async () => {
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [[/^mkdir/, '']] } })
  await setUpCniFolder(ctx)
  const { temporaryFolder } = await import('../bundle/make-bundle.ts')
  const root = temporaryFolder()
  const script = (steps[0] ?? '').replace('edge-1$ ', '').replaceAll(/\/(opt|usr|etc)\//g, `${root}/$1/`)
  const before = `mkdir -p ${root}/usr/lib/cni ${root}/opt/cni/bin; cd ${root}/usr/lib/cni; touch bridge portmap notes; chmod +x bridge portmap; echo own > ${root}/opt/cni/bin/portmap`
  const run = Bun.spawnSync([
    'bash',
    '-euc',
    `${before}\n${script}\n${script}\nls -l ${root}/opt/cni/bin; ls -d ${root}/etc/cni/net.d`,
  ])
  expect(run.stderr.toString()).toBe('')
  expect(run.stdout.toString()).toMatch(/bridge -> .*\/usr\/lib\/cni\/bridge\n.* portmap\n.*net\.d\n$/)
  expect(run.stdout.toString()).not.toContain('notes')
})
