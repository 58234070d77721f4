import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { containerdConfig } from '../../lib/runtime/containerd.ts'
import { crioConfig } from '../../lib/runtime/cri-o.ts'
import setCgroupDriver from '../../tasks/set-cgroup-driver.ts'
import { sceneOn } from './context.ts'
import { pauseImage } from './lab-bundle.ts'

const configFile = '/etc/containerd/config.toml'
const debian = 'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n'
const upstream = 'containerd github.com/containerd/containerd/v2 v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376\n'
const docker = 'containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da\n'

const dump = (line: string) =>
  `version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\n  ${line}\n`
const header = 'TYPE                                  ID                       PLATFORMS      STATUS    \n'
const plugins = (status: string) =>
  `${header}io.containerd.snapshotter.v1          overlayfs                linux/amd64    ok        \nio.containerd.grpc.v1                 cri                      linux/amd64    ${status}        \n`
const plugins2 = (status: string) =>
  `${header}io.containerd.cri.v1                  images                   -              ok        \nio.containerd.cri.v1                  runtime                  linux/amd64    ok        \nio.containerd.grpc.v1                 cri                      -              ${status}        \n`

type Answers = { active?: string; version?: string; dump?: string; plugins?: string; file?: string }
function verdict({ active = 'active', version = debian, file = containerdConfig(1, pauseImage), ...answers }: Answers) {
  const rules: Rule[] = [
    ['systemctl is-active containerd', { stdout: `${active}\n`, exitCode: active === 'active' ? 0 : 3 }],
    ['containerd --version', version],
    ['containerd config dump', answers.dump ?? dump('SystemdCgroup = true')],
    ['ctr plugins ls', answers.plugins ?? plugins('ok')],
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
      'edge-1': [
        ['containerd --version', upstream],
        [/^test -e|^systemctl/, ''],
      ],
    },
  })
  await setCgroupDriver.run(ctx)
  expect(steps).toEqual([
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
  const on = (state: string, file?: string) =>
    sceneOn('edge-2', {
      rules: {
        'edge-2': [
          ['systemctl is-active crio', { stdout: state, exitCode: state === 'active\n' ? 0 : 3 }],
          [/^systemctl stop/, ''],
        ],
      },
      files: { 'edge-2': file === undefined ? {} : { [dropIn]: file } },
    })

  test('check: running, with exactly this drop-in', async () => {
    expect(await setCgroupDriver.check(on('active\n', crioConfig(pauseImage)).ctx)).toEqual({ done: true })
    expect(await setCgroupDriver.check(on('failed\n', crioConfig(pauseImage)).ctx)).toEqual({
      done: false,
      why: 'crio is failed',
    })
    const why = `${dropIn} is not what kedge writes`
    expect(await setCgroupDriver.check(on('active\n').ctx)).toEqual({ done: false, why })
    expect(await setCgroupDriver.check(on('active\n', crioConfig('other/pause:1')).ctx)).toEqual({ done: false, why })
  })

  test('run: aside, stop, rename, start', async () => {
    const { ctx, steps, file } = on('active\n')
    await setCgroupDriver.run(ctx)
    expect(steps).toEqual([
      `edge-2$ write ${dropIn}.kedge`,
      `edge-2$ systemctl stop crio && mv -f ${dropIn}.kedge ${dropIn} && systemctl enable --now crio`,
    ])
    expect(file('edge-2', `${dropIn}.kedge`)).toBe(crioConfig(pauseImage))
  })
})
