import { describe, expect, test } from 'bun:test'
import { kubeletUnits } from '../../lib/distribution/kubelet-units.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import installCloudcore from '../../tasks/install-cloudcore.ts'
import installEdgecore from '../../tasks/install-edgecore.ts'
import installKubernetes from '../../tasks/install-kubernetes.ts'
import { sceneOn } from './context.ts'
import { asksForSums, changesOf, noPieces, notesSums, sumLine } from './lab-bundle.ts'

const keadmSum: Rule = [asksForSums, sumLine('keadm', '/usr/local/bin/keadm')]
const otherSum: Rule = [asksForSums, sumLine('of another version', '/usr/local/bin/keadm')]
const changes: Rule = [/^mkdir|^rm|^systemctl daemon-reload|^modprobe|^sysctl -q/, '']

describe('keadm on the control plane', () => {
  test('is done when it is the one of the bundle, byte for byte', async () => {
    expect(await installCloudcore.check(sceneOn('master', { rules: { master: [keadmSum] } }).ctx)).toEqual({
      done: true,
    })
    expect(await installCloudcore.check(sceneOn('master', { rules: { master: [otherSum] } }).ctx)).toEqual({
      done: false,
      why: 'keadm is not as in the bundle',
    })
  })
  test('is installed over another version', async () => {
    const { ctx, steps } = sceneOn('master', { rules: { master: [otherSum, noPieces, notesSums, changes] } })
    await installCloudcore.run(ctx)
    expect(changesOf(steps).at(-2)).toEndWith('mv -f /usr/local/bin/keadm.kedge /usr/local/bin/keadm')
  })
})

describe('keadm on an edge', () => {
  const dropIn = '/etc/systemd/system/edgecore.service.d/10-runtime.conf'
  const text = (service: string) => `[Unit]\nAfter=${service}.service\nWants=${service}.service\n`
  const check = (node: string, files: Record<string, string>, ...rules: Rule[]) =>
    installEdgecore.check(sceneOn(node, { rules: { [node]: rules }, files: { [node]: files } }).ctx)

  test('check: program, then the order of the services at boot', async () => {
    expect(await check('edge-1', { [dropIn]: text('containerd') }, keadmSum)).toEqual({ done: true })
    expect(await check('edge-2', { [dropIn]: text('crio') }, keadmSum)).toEqual({ done: true })
    expect(await check('edge-1', { [dropIn]: text('containerd') }, otherSum)).toEqual({
      done: false,
      why: 'keadm is not as in the bundle',
    })
    expect(await check('edge-1', {}, keadmSum)).toEqual({ done: false, why: `${dropIn} is missing` })
    expect((await check('edge-2', { [dropIn]: text('containerd') }, keadmSum)).done).toBe(false)
  })

  test('run: after a cut-off one only what is missing', async () => {
    const { ctx, steps, file } = sceneOn('edge-2', { rules: { 'edge-2': [keadmSum, noPieces, notesSums, changes] } })
    await installEdgecore.run(ctx)
    expect(changesOf(steps)).toEqual([`edge-2$ write ${dropIn}`, 'edge-2$ systemctl daemon-reload'])
    expect(file('edge-2', dropIn)).toBe(text('crio'))
  })
})

describe('Kubernetes on a cloud node', () => {
  const names = ['kubeadm', 'kubelet', 'kubectl', 'crictl']
  const packages = ['conntrack', 'socat', 'ebtables', 'ethtool', 'iptables']
  const modules = '/etc/modules-load.d/kedge.conf'
  const sysctl = '/etc/sysctl.d/90-kedge.conf'
  const whole: Record<string, string> = {
    [modules]: 'overlay\nbr_netfilter\n',
    [sysctl]:
      'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\n',
    ...Object.fromEntries(kubeletUnits({ service: 'containerd' }).map(({ path, content }) => [path, content])),
  }
  type Answers = { packages?: string[]; programs?: string[]; kernel?: string; enabled?: string }
  const rules = ({
    packages: installed = packages,
    programs = names,
    kernel = '1\n1\n1\n',
    enabled = 'enabled',
  }: Answers): Rule[] => [
    [/^dpkg-query/, installed.map((name) => `${name} installed\n`).join('')],
    [asksForSums, programs.map((name) => sumLine(name, `/usr/local/bin/${name}`)).join('')],
    [/^sysctl -n/, { stdout: kernel, exitCode: kernel.length === 6 ? 0 : 255 }],
    notesSums,
    ['systemctl is-enabled kubelet', { stdout: `${enabled}\n`, exitCode: enabled === 'enabled' ? 0 : 1 }],
  ]
  const check = (answers: Answers, files = whole) =>
    installKubernetes.check(sceneOn('worker', { rules: { worker: rules(answers) }, files: { worker: files } }).ctx)
  const without = (path: string) => Object.fromEntries(Object.entries(whole).filter(([each]) => each !== path))
  const unit = '/etc/systemd/system/kubelet.service'

  test('check: done', async () => expect(await check({})).toEqual({ done: true }))
  test.each<[string, Answers, Record<string, string>, string]>([
    ['a package', { packages: packages.slice(1) }, whole, 'conntrack not installed'],
    ['all programs', { programs: [] }, whole, 'kubeadm, kubelet, kubectl, crictl not as in the bundle'],
    [
      'a kernel module',
      { kernel: '1\n' },
      whole,
      'net.bridge.bridge-nf-call-iptables, net.bridge.bridge-nf-call-ip6tables not set',
    ],
    ['a setting', { kernel: '0\n1\n1\n' }, whole, 'net.ipv4.ip_forward not set'],
    ['the setting at the next boot', {}, without(sysctl), `${sysctl} is not what kedge writes`],
    ['the modules at the next boot', {}, without(modules), `${modules} is not what kedge writes`],
    ['the unit', {}, without(unit), `${unit} is not what kedge writes`],
    ['the unit at the next boot', { enabled: 'disabled' }, whole, 'kubelet is disabled'],
  ])('check: without %s', async (_, answers, files, why) =>
    expect(await check(answers, files)).toEqual({ done: false, why }),
  )

  test('run writes what check wants to read, and loads the modules before their settings', async () => {
    const { ctx, steps, host } = sceneOn('worker', {
      rules: {
        worker: [...rules({ programs: ['kubeadm', 'kubelet', 'kubectl'] }), noPieces, changes, [/^systemctl/, '']],
      },
    })
    await installKubernetes.run(ctx)
    expect(
      Object.fromEntries(
        [...host('worker').files].flatMap(([path, { content }]) => (path in whole ? [[path, content.toString()]] : [])),
      ),
    ).toEqual(whole)
    expect(steps).toContain(`worker$ sysctl -q -p ${sysctl}`)
    expect(steps.at(-1)).toBe('worker$ systemctl daemon-reload && systemctl enable kubelet')
    // The packages are there already, so dpkg is left alone; of the programs only the missing one is sent.
    expect(steps.join('\n')).not.toContain('--install')
    expect(steps.filter((step) => step.includes(' put '))).toHaveLength(1)
  })

  test('run installs all packages from the bundle where one is missing', async () => {
    const { ctx, steps } = sceneOn('worker', {
      rules: {
        worker: [
          ...rules({ packages: [] }),
          ['command -v dpkg', '/usr/bin/dpkg\n'],
          noPieces,
          changes,
          [/^systemctl/, ''],
        ],
      },
    })
    await installKubernetes.run(ctx)
    expect(steps.filter((step) => / --install .*\/packages\/kubernetes-node\//.test(step))).toHaveLength(1)
  })
})
