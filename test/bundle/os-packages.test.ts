import { describe, expect, test } from 'bun:test'
import { installPackages, missingPackages } from '../../lib/bundle/os-packages.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { delivered } from '../tasks/lab-bundle.ts'

const repository = '/var/lib/kedge/packages/containerd'
const tar = delivered('containerd')
const apt = [
  `Dir::Etc::SourceList=${repository}.list`,
  'Dir::Etc::SourceParts=-',
  `Dir::State::Lists=${repository}.lists`,
  'DPkg::Lock::Timeout=120',
  'Dpkg::Options::=--force-confold',
  'APT::Sandbox::User=root',
]
  .map((option) => `-o '${option}'`)
  .join(' ')
const apts: readonly Rule[] = [
  ['command -v apt-get', '/usr/bin/apt-get\n'],
  [`test -e ${tar}`, { exitCode: 1 }],
  [/^rm|^mkdir|dpkg --configure|apt-get -q -y .* containerd runc$/, ''],
]

describe('installing packages', () => {
  test('apt sees the repository of the bundle alone, and nothing of it is left', async () => {
    const { ctx, steps, file } = sceneOn('edge-1', { rules: { 'edge-1': apts } })
    await installPackages(ctx, 'containerd', ['containerd', 'runc'])
    expect(steps).toEqual(
      [
        'command -v apt-get',
        `test -e ${tar}`,
        `put ${tar}`,
        `rm -rf ${repository} && mkdir -p ${repository} && tar -xf ${tar} -C ${repository}`,
        `write ${repository}.list`,
        `mkdir -p ${repository}.lists/partial && apt-get -q ${apt} update`,
        'DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confold',
        `DEBIAN_FRONTEND=noninteractive apt-get -q -y ${apt} install --no-install-recommends containerd runc`,
        `rm -rf ${repository} ${repository}.lists ${repository}.list`,
        `rm -f ${tar}`,
      ].map((step) => `edge-1$ ${step}`),
    )
    expect(file('edge-1', `${repository}.list`)).toBe(`deb [trusted=yes] file:${repository} ./\n`)
  })

  test('a system without apt is refused before anything is sent', async () => {
    const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [['command -v apt-get', { exitCode: 1 }]] } })
    expect(await failureOf(installPackages(ctx, 'containerd', ['containerd']))).toBe(
      'refused: edge-1 has no apt-get, and containerd in this bundle holds Debian packages',
    )
    expect(steps).toHaveLength(1)
  })

  test('a bundle without the packages says so before anything is sent', async () => {
    const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': apts } })
    expect(await failureOf(installPackages(ctx, 'firewalls', ['nftables']))).toBe('bundle: the bundle has no firewalls')
    expect(steps).toHaveLength(1)
  })

  test("a package that apt cannot configure fails with apt's own words, and the delivered tar stays for the next try", async () => {
    const stderr = 'E: Sub-process /usr/bin/dpkg returned an error code (1)\n'
    const { ctx, steps } = sceneOn('edge-1', {
      rules: { 'edge-1': [...apts, [/apt-get -q -y/, { stderr, exitCode: 100 }]] },
    })
    expect(await failureOf(installPackages(ctx, 'containerd', ['containerd']))).toMatch(/^command: .*exit code 100$/)
    expect(steps.at(-1)).toContain('install')
  })
})

describe('missing packages', () => {
  test.each([
    ['all installed', 'containerd installed\nrunc installed\n', []],
    ['one half configured by a killed run', 'containerd half-configured\nrunc installed\n', ['containerd']],
    [
      'one unpacked, one removed with its settings left',
      'containerd unpacked\nrunc config-files\n',
      ['containerd', 'runc'],
    ],
    ['one that dpkg never heard of', 'runc installed\n', ['containerd']],
    ['not Debian at all', '', ['containerd', 'runc']],
    ['one whose name only begins so', 'containerd-ctr installed\nrunc installed\n', ['containerd']],
  ])('%s', async (_, stdout, missing) => {
    const { ctx, steps } = sceneOn('edge-1', {
      rules: { 'edge-1': [[/^dpkg-query -W -f/, { stdout, exitCode: missing.length ? 1 : 0 }]] },
    })
    expect(await missingPackages(ctx, ['containerd', 'runc'])).toEqual(missing)
    expect(steps[0]).toMatch(/^edge-1\$ dpkg-query -W -f '\$\{Package\} \$\{db:Status-Status\}\n' containerd runc/)
  })
})
