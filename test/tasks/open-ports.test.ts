import { expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import openPorts from '../../tasks/open-ports.ts'
import { fakeUfw, profileFile, profileRules } from '../firewall/fake-ufw.ts'
import { failureOf, loadLab, type Scene, sceneOn } from './context.ts'

const ports = ['10000/tcp', '10002/tcp', '10004/tcp', '6443/tcp', '10250/tcp', '8472/udp']
const byProtocol = ['10000,10002,10004,6443,10250/tcp', '8472/udp']
const ufwOff: Rule = [/ufw\.conf/, { exitCode: 2 }]
const noFirewalld: Rule = ['firewall-cmd --state', { exitCode: 127 }]

function withUfw(present: readonly string[], ...more: Rule[]): Scene {
  const scene: Scene = sceneOn('master', {
    rules: { master: [...more, ...fakeUfw(() => scene.file('master', profileFile), ...present)] },
  })
  return scene
}

test('without a firewall nothing is closed, and nothing is done', async () => {
  const { ctx, steps } = sceneOn('master', { rules: { master: [ufwOff, noFirewalld] } })
  expect(await openPorts.check(ctx)).toEqual({ done: true })
  await openPorts.run(ctx)
  expect(steps.filter((step) => !/ufw\.conf|--state/.test(step))).toEqual([])
})

test('says which firewall keeps which ports closed, in the order of the need', async () => {
  const { ctx } = withUfw(profileRules(['10002/tcp']), noFirewalld)
  expect(await openPorts.check(ctx)).toEqual({
    done: false,
    why: 'ufw keeps 10000/tcp, 10004/tcp, 6443/tcp, 10250/tcp, 8472/udp closed',
  })
})

test.each([
  ['nothing open', []],
  ['some open by hand', ['10000/tcp                  ALLOW IN    Anywhere']],
])('with %s the profile holds all ports, so that none is closed by opening another', async (_, present) => {
  const { ctx, file } = withUfw(present, noFirewalld)
  await openPorts.run(ctx)
  expect(file('master', profileFile)).toContain(`ports=${byProtocol.join('|')}\n`)
  expect(await openPorts.check(ctx)).toEqual({ done: true })
})

test('a run that was cut off between the profile and its rule is made whole, a whole one is left alone', async () => {
  const { ctx, steps } = withUfw([], noFirewalld)
  await ctx.host.write(profileFile, '[kedge]\nports=10000/tcp\n')
  expect((await openPorts.check(ctx)).done).toBe(false)
  await openPorts.run(ctx)
  expect(await openPorts.check(ctx)).toEqual({ done: true })
  const before = steps.length
  await openPorts.run(ctx)
  expect(steps.slice(before).join('\n')).not.toMatch(/write|allow/)
})

test('with two firewalls each is asked and opened by itself', async () => {
  const { ctx, steps } = withUfw(
    profileRules(byProtocol),
    ['firewall-cmd --state', 'running\n'],
    [/^firewall-cmd +--list-ports$/, ['10000/tcp\n', '10000/tcp\n', `${ports.join(' ')}\n`]],
    ['firewall-cmd --permanent --list-ports', `${ports.join(' ')}\n`],
    [/add-port/, 'success\n'],
  )
  expect(await openPorts.check(ctx)).toEqual({
    done: false,
    why: 'firewalld keeps 10002/tcp, 10004/tcp, 6443/tcp, 10250/tcp, 8472/udp closed',
  })
  await openPorts.run(ctx)
  const flags = ports.map((port) => `--add-port=${port}`)
  expect(steps.slice(-2)).toEqual([
    `master$ firewall-cmd ${flags.join(' ')}`,
    `master$ firewall-cmd --permanent ${flags.join(' ')}`,
  ])
  expect(steps.join('\n')).not.toMatch(/write|ufw allow/)
  expect(await openPorts.check(ctx)).toEqual({ done: true })
})

test('a firewall that refuses fails the task', async () => {
  const error = { stderr: 'ERROR: Could not load logging rules\n', exitCode: 1 }
  const { ctx } = withUfw([], noFirewalld, [/^ufw app/, error])
  expect(await failureOf(openPorts.run(ctx))).toMatch(/^command: “ufw app update kedge .* exit code 1$/)
})

test('QUIC’s port is UDP, and closed unless the file asks for it', async () => {
  const rules = { master: fakeUfw(() => undefined, ...profileRules(byProtocol)).concat([noFirewalld]) }
  const quic = loadLab((text) => text.replace(/^kubeedge:.*$/m, 'kubeedge: { version: 1.23.1, protocol: quic }'))
  expect(await openPorts.check(sceneOn('master', { rules }).ctx)).toEqual({ done: true })
  expect(await openPorts.check(sceneOn('master', { rules, topology: quic }).ctx)).toEqual({
    done: false,
    why: 'ufw keeps 10001/udp closed',
  })
})
