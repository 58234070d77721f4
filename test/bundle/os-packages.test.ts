import { describe, expect, test } from 'bun:test'
import { installPackages, missingPackages } from '../../lib/bundle/os-packages.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { changesOf, delivered, noPieces } from '../tasks/lab-bundle.ts'
import { temporaryFolder } from './make-bundle.ts'

const installs = /^rm -rf .*dpkg /s

describe('installing packages', () => {
  test('the tar is sent, unpacked, installed by dpkg, and forgotten', async () => {
    const { ctx, steps } = sceneOn('edge-1', {
      rules: { 'edge-1': [['command -v dpkg', '/usr/bin/dpkg\n'], noPieces, [installs, ''], [/^rm -f/, '']] },
    })
    await installPackages(ctx, 'containerd')
    expect(changesOf(steps)).toEqual([
      'edge-1$ command -v dpkg',
      `edge-1$ put ${delivered('containerd')}`,
      expect.stringMatching(/--force-confold --install \/var\/lib\/kedge\/packages\/containerd\/\*\.deb/),
      `edge-1$ rm -f ${delivered('containerd')}`,
    ])
  })

  test('a system without dpkg is refused before anything is sent', async () => {
    const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [['command -v dpkg', { exitCode: 1 }]] } })
    expect(await failureOf(installPackages(ctx, 'containerd'))).toBe(
      'refused: edge-1 has no dpkg, and containerd in this bundle holds Debian packages; kedge installs no RPM packages',
    )
    expect(steps).toHaveLength(1)
  })

  test('a bundle without the packages says so before anything is sent', async () => {
    const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [['command -v dpkg', '/usr/bin/dpkg\n']] } })
    expect(await failureOf(installPackages(ctx, 'firewalls'))).toBe('bundle: the bundle has no firewalls')
    expect(steps).toHaveLength(1)
  })

  test('what fails leaves the tar for the next try', async () => {
    const { ctx, steps } = sceneOn('edge-1', {
      rules: { 'edge-1': [['command -v dpkg', ''], noPieces, [installs, { stderr: 'dpkg: error\n', exitCode: 1 }]] },
    })
    expect(await failureOf(installPackages(ctx, 'containerd'))).toMatch(/^command: .*exit code 1$/)
    expect(steps.at(-1)).not.toContain('$ rm -f')
  })
})

describe('the installation in a real shell, with a dpkg that answers', () => {
  const locked = 'dpkg: error: dpkg frontend lock was locked by another process with pid 412'
  /** `dpkg` is the body of a script that is given its own call's number in $n; waiting takes no time. */
  async function install(dpkg: string) {
    const root = temporaryFolder()
    const { ctx, steps } = sceneOn('edge-1', {
      rules: { 'edge-1': [['command -v dpkg', ''], noPieces, [installs, ''], [/^rm -f/, '']] },
    })
    await installPackages(ctx, 'containerd')
    const script = steps.find((step) => installs.test(step.slice('edge-1$ '.length)))?.slice('edge-1$ '.length) ?? ''
    const tool = (name: string, body: string) =>
      Bun.write(`${root}/bin/${name}`, `#!/bin/bash\n${body}\n`).then(() =>
        Bun.spawnSync(['chmod', '+x', `${root}/bin/${name}`]),
      )
    await tool(
      'dpkg',
      `echo x >> ${root}/calls; n=$(wc -l < ${root}/calls); echo "$DEBIAN_FRONTEND $*" >> ${root}/words; ${dpkg}`,
    )
    await tool('sleep', `echo "$1" >> ${root}/slept`)
    await tool('tar', 'cd "$4" && touch runc.deb containerd.deb')
    const text = `set -euo pipefail; PATH=${root}/bin:$PATH; ${script.replaceAll('/var/lib/', `${root}/var/lib/`)}`
    const { exitCode, stderr } = Bun.spawnSync(['bash', '-c', text])
    const lines = async (name: string) =>
      (await Bun.file(`${root}/${name}`).exists()) ? (await Bun.file(`${root}/${name}`).text()).trim().split('\n') : []
    const left = Bun.spawnSync(['find', `${root}/var`, '-name', '*.deb']).stdout.toString()
    return {
      exitCode,
      stderr: stderr.toString(),
      words: await lines('words'),
      slept: (await lines('slept')).length,
      left,
    }
  }

  test('asks nobody anything, keeps changed settings, takes nothing back, and leaves nothing', async () => {
    const { exitCode, words, left, slept } = await install('true')
    expect({ exitCode, left, slept }).toEqual({ exitCode: 0, left: '', slept: 0 })
    expect(words).toHaveLength(2)
    expect(words[0]).toMatch(/^noninteractive .*--refuse-downgrade .*--force-confold .*containerd\.deb .*runc\.deb$/)
    expect(words[1]).toBe('noninteractive --force-confold --configure --pending')
  })

  test("waits for the lock of the node's own updates", async () => {
    const { exitCode, words, slept } = await install(`(( n > 3 )) || { echo '${locked}' >&2; exit 2; }`)
    expect({ exitCode, calls: words.length, slept }).toEqual({ exitCode: 0, calls: 5, slept: 3 })
  })

  test("fails at once, with dpkg's own words, where waiting cures nothing", async () => {
    const { exitCode, stderr, words, slept } = await install(
      "echo 'dependency problems - leaving unconfigured' >&2; exit 1",
    )
    expect({ exitCode, calls: words.length, slept }).toEqual({ exitCode: 1, calls: 1, slept: 0 })
    expect(stderr).toBe('dependency problems - leaving unconfigured\n')
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
