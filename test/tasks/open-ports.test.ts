import { expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import openPorts from '../../tasks/open-ports.ts'
import { failureOf, sceneOn } from './context.ts'

const ports = ['10000/tcp', '10002/tcp', '10004/tcp', '6443/tcp', '10250/tcp', '8472/udp']
const row = (port: string) => `${port.padEnd(26)} ALLOW       Anywhere                   # kedge\n`
const ufwStatus = (open: readonly string[]) =>
  `Status: active\n\nTo                         Action      From\n--                         ------      ----\n${open.map(row).join('')}`
const noFirewalld: Rule = ['firewall-cmd --state', { exitCode: 127 }]
const on = (...master: Rule[]) => sceneOn('master', { rules: { master } })

test('without a firewall nothing is closed, and nothing is done', async () => {
  const { ctx, steps } = on(['ufw status', { exitCode: 127 }], noFirewalld)
  expect(await openPorts.check(ctx)).toEqual({ done: true })
  await openPorts.run(ctx)
  expect(steps.join('\n')).not.toContain('allow')
})

test('says which firewall keeps which ports closed, in the order of the need', async () => {
  const { ctx } = on(['ufw status', ufwStatus(['10002/tcp', '22/tcp'])], noFirewalld)
  expect(await openPorts.check(ctx)).toEqual({
    done: false,
    why: 'ufw keeps 10000/tcp, 10004/tcp, 6443/tcp, 10250/tcp, 8472/udp closed',
  })
})

test('opens those that are closed alone: a run that was cut off goes on where it was', async () => {
  const open = new Set(['10000/tcp', '10002/tcp'])
  const { ctx, steps } = on(['ufw status', () => ufwStatus([...open])], noFirewalld, [
    /^ufw allow/,
    ({ command }) => `${open.add(command.split(' ')[2] ?? '').size}`,
  ])
  await openPorts.run(ctx)
  expect(steps.filter((step) => step.includes('allow')).map((step) => step.split(' ')[3])).toEqual(ports.slice(2))
  expect(await openPorts.check(ctx)).toEqual({ done: true })
})

test('with two firewalls each is asked and opened by itself', async () => {
  const { ctx, steps } = on(
    ['ufw status', ufwStatus(ports)],
    ['firewall-cmd --state', 'running\n'],
    [/^firewall-cmd +--list-ports$/, '10000/tcp\n'],
    ['firewall-cmd --permanent --list-ports', `${ports.join(' ')}\n`],
    [/add-port/, 'success\n'],
  )
  expect(await openPorts.check(ctx)).toEqual({
    done: false,
    why: 'firewalld keeps 10002/tcp, 10004/tcp, 6443/tcp, 10250/tcp, 8472/udp closed',
  })
  await openPorts.run(ctx)
  const flags = ports.slice(1).map((port) => `--add-port=${port}`)
  expect(steps.slice(-2)).toEqual([
    `master$ firewall-cmd ${flags.join(' ')}`,
    `master$ firewall-cmd --permanent ${flags.join(' ')}`,
  ])
})

test('a firewall that refuses fails the task', async () => {
  const error = { stderr: 'ERROR: Could not load logging rules\n', exitCode: 1 }
  const { ctx } = on(['ufw status', ufwStatus([])], noFirewalld, [/^ufw allow/, error])
  expect(await failureOf(openPorts.run(ctx))).toMatch(/^command: “ufw allow 10000\/tcp .* exit code 1$/)
})
