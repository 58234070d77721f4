import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { containerdConfig } from '../../lib/runtime/containerd.ts'
import { crioConfig, registriesConfig } from '../../lib/runtime/cri-o-config.ts'
import setCgroupDriver from '../../tasks/set-cgroup-driver.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { failureOf, sceneOn } from './context.ts'
import { pauseImage } from './lab-bundle.ts'

const configFile = '/etc/containerd/config.toml'
const debian = 'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n'
const upstream = 'containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376\n'
const docker = 'containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da\n'

const dump = (line: string) =>
  `version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n  ${line}\n`
/** The question which runtime kubelet or edgecore was joined with. */
const asksForJoined = /^grep -hosiE 'container-\?runtime/
const notJoined: Rule = [asksForJoined, { exitCode: 2 }]

const header = 'TYPE                                  ID                       PLATFORMS      STATUS    \n'
const plugins = (status: string) =>
  `${header}io.containerd.snapshotter.v1          overlayfs                linux/amd64    ok        \nio.containerd.grpc.v1                 cri                      linux/amd64    ${status}        \n`
const plugins2 = (status: string) =>
  `${header}io.containerd.cri.v1                  images                   -              ok        \nio.containerd.cri.v1                  runtime                  linux/amd64    ok        \nio.containerd.grpc.v1                 cri                      -              ${status}        \n`

type Answers = { active?: string; version?: string; dump?: string; plugins?: string; file?: string }
function verdict({ active = 'active', version = debian, file = containerdConfig(1, pauseImage), ...answers }: Answers) {
  const rules: Rule[] = [
    containerdTells({
      service: active,
      config: answers.dump ?? dump('SystemdCgroup = true'),
      plugins: answers.plugins ?? plugins('ok'),
    }),
    ['containerd --version', version],
  ]
  const { ctx } = sceneOn('edge-1', {
    rules: { 'edge-1': rules },
    files: { 'edge-1': file ? { [configFile]: file } : {} },
  })
  return setCgroupDriver.check(ctx)
}

describe('containerd: check', () => {
  const notOurs = `${configFile} is not what kedge writes`
  test.each<[string, Answers, string | undefined]>([
    ['as kedge writes it', {}, undefined],
    [
      'as kedge writes it for 2.x',
      { version: upstream, file: containerdConfig(2, pauseImage), plugins: plugins2('ok') },
      undefined,
    ],
    ["Docker's package of 1.7", { version: docker }, undefined],
    ['stopped', { active: 'inactive' }, 'containerd is inactive'],
    ["Docker's file, which switches CRI off", { file: 'disabled_plugins = ["cri"]\n' }, notOurs],
    ['no file at all', { file: '' }, notOurs],
    ['another sandbox image', { file: containerdConfig(1, 'registry.k8s.io/pause:3.6') }, notOurs],
    ['upgraded to 2.x since', { version: upstream }, notOurs],
    ['a conf.d file that takes it back', { dump: dump('SystemdCgroup = false') }, 'the cgroup driver is not systemd'],
    ['CRI that failed to load', { plugins: plugins('error') }, 'the CRI plug-in does not answer'],
    ['CRI that is skipped', { plugins: plugins('skip') }, 'the CRI plug-in does not answer'],
    [
      "2.x: CRI's service failed, its parts did not",
      { version: upstream, file: containerdConfig(2, pauseImage), plugins: plugins2('error') },
      'the CRI plug-in does not answer',
    ],
  ])('%s', async (_, answers, why) =>
    expect(await verdict(answers)).toEqual(why === undefined ? { done: true } : { done: false, why }),
  )
})

test('containerd: run stops it before it renames, so that one which runs has read the file that is there', async () => {
  const { ctx, steps, file } = sceneOn('edge-1', {
    rules: {
      'edge-1': [notJoined, ['containerd --version', upstream], [/^test -e|^systemctl/, '']],
    },
  })
  await setCgroupDriver.run(ctx)
  expect(steps.slice(1)).toEqual([
    'edge-1$ containerd --version',
    `edge-1$ write ${configFile}.kedge`,
    `edge-1$ test -e ${configFile}.orig || cp -p ${configFile} ${configFile}.orig 2>/dev/null || true`,
    `edge-1$ systemctl stop containerd && mv -f ${configFile}.kedge ${configFile} && systemctl enable --now containerd`,
  ])
  expect(file('edge-1', `${configFile}.kedge`)).toBe(containerdConfig(2, pauseImage))
  expect(file('edge-1', configFile)).toBeUndefined()
})

describe('CRI-O', () => {
  const dropIn = '/etc/crio/crio.conf.d/90-kedge.conf'
  const registries = '/etc/containers/registries.conf.d/90-kedge.conf'
  const asIs =
    '[crio.runtime]\n\n# Cgroup management implementation.\n# cgroup_manager = "systemd"\n\n# log_level = "info"\n'
  type State = {
    state?: string
    config?: string | undefined
    names?: string | undefined
    merged?: string
    policy?: boolean
    driver?: string
    joined?: string
  }
  const on = (answers: State = {}) => {
    const { state = 'active', merged = asIs, policy = true, driver = 'overlay', joined } = answers
    const config = 'config' in answers ? answers.config : crioConfig(pauseImage, 'overlay')
    const names = 'names' in answers ? answers.names : registriesConfig
    const files = { ...(config ? { [dropIn]: config } : {}), ...(names ? { [registries]: names } : {}) }
    const rules: Rule[] = [
      joined === undefined ? notJoined : [asksForJoined, joined],
      ['systemctl is-active crio', { stdout: `${state}\n`, exitCode: state === 'active' ? 0 : 3 }],
      ['crio config 2>/dev/null', merged],
      ['test -s /etc/containers/policy.json', { exitCode: policy ? 0 : 1 }],
      [/^mkdir -p \/var\/lib\/containers\/storage/, `${driver}\n`],
      [/^mkdir -p \/etc\/crio|^systemctl stop/, ''],
    ]
    return sceneOn('edge-2', { rules: { 'edge-2': rules }, files: { 'edge-2': files } })
  }

  const notOurs = `${dropIn} is not what kedge writes`
  test.each<[string, State, string | undefined]>([
    ['as kedge writes it', {}, undefined],
    ['on a node that has no overlay', { config: crioConfig(pauseImage, 'vfs') }, undefined],
    ['with systemd said by a later drop-in', { merged: 'cgroup_manager = "systemd"\n' }, undefined],
    ['failed', { state: 'failed' }, 'crio is failed'],
    ['no drop-in', { config: undefined }, notOurs],
    ['another sandbox image', { config: crioConfig('other/pause:1', 'overlay') }, notOurs],
    ['without the names’ drop-in', { names: undefined }, `${registries} is not what kedge writes`],
    [
      'another one that asks first',
      { names: 'unqualified-search-registries = []\n' },
      `${registries} is not what kedge writes`,
    ],
    [
      'a later drop-in that takes it back',
      { merged: 'cgroup_manager = "cgroupfs"\n' },
      'the cgroup driver is not systemd',
    ],
    [
      'no signature policy',
      { policy: false },
      "/etc/containers/policy.json is missing: without it nothing may be put into CRI-O's storage",
    ],
  ])('check: %s', async (_, answers, why) =>
    expect(await setCgroupDriver.check(on(answers).ctx)).toEqual(
      why === undefined ? { done: true } : { done: false, why },
    ),
  )

  test('run: aside, stop, rename, start; aside is where CRI-O does not read', async () => {
    const { ctx, steps, file } = on({ config: undefined, names: undefined })
    await setCgroupDriver.run(ctx)
    expect(steps.slice(-4)).toEqual([
      'edge-2$ mkdir -p /etc/crio/crio.conf.d /etc/containers/registries.conf.d',
      'edge-2$ write /etc/crio/90-kedge.conf.new',
      'edge-2$ write /etc/containers/90-kedge-registries.conf.new',
      `edge-2$ systemctl stop crio && mv -f /etc/containers/90-kedge-registries.conf.new ${registries} && mv -f /etc/crio/90-kedge.conf.new ${dropIn} && systemctl enable --now crio`,
    ])
    expect(file('edge-2', '/etc/crio/90-kedge.conf.new')).toBe(crioConfig(pauseImage, 'overlay'))
    expect(file('edge-2', '/etc/containers/90-kedge-registries.conf.new')).toBe(registriesConfig)
  })

  test('run: where the file system carries no overlay, vfs, and it says so', async () => {
    const { ctx, said, file } = on({ config: undefined, driver: 'vfs' })
    await setCgroupDriver.run(ctx)
    expect(file('edge-2', '/etc/crio/90-kedge.conf.new')).toBe(crioConfig(pauseImage, 'vfs'))
    expect(said.join()).toContain('vfs')
  })

  test('run: without a signature policy nothing is touched, since none is made up', async () => {
    const { ctx, steps } = on({ policy: false })
    expect(await failureOf(setCgroupDriver.run(ctx))).toMatch(/^refused: \/etc\/containers\/policy.json is missing/)
    expect(steps.join('\n')).not.toMatch(/write|systemctl/)
  })

  test.each([
    ['  containerRuntimeEndpoint: unix:///run/containerd/containerd.sock\n', 'unix:///run/containerd/containerd.sock'],
    [
      'containerRuntimeEndpoint: ""\n--container-runtime-endpoint=unix:///run/containerd/containerd.sock\n',
      'unix:///run/containerd/containerd.sock',
    ],
    ['containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n', undefined],
    ['containerRuntimeEndpoint: unix:///run/crio/crio.sock\n', undefined],
  ])('run on a node that has joined, with %j', async (joined, other) => {
    const { ctx, steps } = on({
      joined: joined
        .split('\n')
        .filter((line) => line.includes('unix://'))
        .join('\n'),
    })
    const failure = await failureOf(setCgroupDriver.run(ctx))
    if (!other) return expect(failure).toBe('no failure')
    expect(failure).toBe(`refused: edge-2 has joined with the runtime at ${other}, and the file gives it cri-o`)
    expect(steps).toHaveLength(1)
  })
})
