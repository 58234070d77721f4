import { describe, expect, test } from 'bun:test'
import { activeFirewalls } from '../../lib/firewall/firewall.ts'
import { firewalld } from '../../lib/firewall/firewalld.ts'
import { ufw } from '../../lib/firewall/ufw.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import { portName } from '../../lib/kubeedge/ports.ts'
import { sceneOn } from '../tasks/context.ts'

const notFound = (name: string) => ({ stderr: `bash: line 1: ${name}: command not found\n`, exitCode: 127 })
const on = (...master: Rule[]) => sceneOn('master', { rules: { master } })
const ports = [
  { port: 10000, protocol: 'tcp', purpose: 'CloudHub' },
  { port: 10002, protocol: 'tcp', purpose: 'CloudHub certificates' },
  { port: 8472, protocol: 'udp', purpose: 'pod network (VXLAN)' },
] as const

test.each([
  ['neither program', notFound('ufw'), notFound('firewall-cmd'), []],
  ['ufw installed, but off', 'Status: inactive\n', notFound('firewall-cmd'), []],
  ['ufw at work', 'Status: active\n\nTo  Action  From\n', notFound('firewall-cmd'), ['ufw']],
  ['firewalld installed, but stopped', notFound('ufw'), { stderr: 'not running\n', exitCode: 252 }, []],
  ['firewalld at work', notFound('ufw'), 'running\n', ['firewalld']],
  ['both at work', 'Status: active\n', 'running\n', ['ufw', 'firewalld']],
])('%s', async (_, ufwStatus, state, active) => {
  const { ctx } = on(['ufw status', ufwStatus], ['firewall-cmd --state', state])
  expect((await activeFirewalls(ctx)).map(({ name }) => name)).toEqual(active)
})

describe('ufw', () => {
  const status = (...lines: string[]) =>
    `Status: active\n\nTo                         Action      From\n--                         ------      ----\n${lines.join('\n')}\n\n`
  const closed = async (...lines: string[]) =>
    (await ufw.closed(on(['ufw status', status(...lines)]).ctx, ports)).map(portName)

  test('open is what everybody may reach', async () => {
    expect(
      await closed(
        'OpenSSH                    ALLOW       Anywhere',
        '10000/tcp                  ALLOW       Anywhere                   # kedge: CloudHub',
        '10002/tcp                  ALLOW       Anywhere',
        '8472/udp                   ALLOW       Anywhere',
        '10000/tcp (v6)             ALLOW       Anywhere (v6)              # kedge: CloudHub',
      ),
    ).toEqual([])
  })

  test('closed is what nobody, or only some, or only IPv6 may reach', async () => {
    expect(
      await closed(
        '10000/tcp                  DENY        Anywhere',
        '10002/tcp                  ALLOW       192.168.23.0/24',
        '8472/udp (v6)              ALLOW       Anywhere (v6)',
        '110000/tcp                 ALLOW       Anywhere',
      ),
    ).toEqual(['10000/tcp', '10002/tcp', '8472/udp'])
    expect(await closed()).toEqual(['10000/tcp', '10002/tcp', '8472/udp'])
  })

  test('opens one by one, and says why in a comment', async () => {
    const { ctx, steps } = on([/^ufw allow/, 'Rule added\nRule added (v6)\n'])
    await ufw.open(ctx, [ports[0], ports[2]])
    expect(steps).toEqual([
      "master$ ufw allow 10000/tcp comment 'kedge: CloudHub'",
      "master$ ufw allow 8472/udp comment 'kedge: pod network (VXLAN)'",
    ])
  })
})

describe('firewalld', () => {
  const closed = async (now: string, later: string) => {
    const { ctx } = on([/^firewall-cmd +--list-ports$/, now], ['firewall-cmd --permanent --list-ports', later])
    return (await firewalld.closed(ctx, ports)).map(portName)
  }
  test('open is what is open now and stays so', async () => {
    const all = '10000/tcp 10002/tcp 8472/udp\n'
    expect(await closed(all, all)).toEqual([])
    expect(await closed(all, '10000/tcp 8472/udp\n')).toEqual(['10002/tcp'])
    expect(await closed('10000/tcp 10002/tcp\n', all)).toEqual(['8472/udp'])
    expect(await closed('\n', '\n')).toEqual(['10000/tcp', '10002/tcp', '8472/udp'])
    expect(await closed('10000/udp 110002/tcp\n', '\n')).toHaveLength(3)
  })

  test('opens now and for good', async () => {
    const { ctx, steps } = on([/^firewall-cmd/, 'success\n'])
    await firewalld.open(ctx, [ports[0], ports[2]])
    expect(steps).toEqual([
      'master$ firewall-cmd --add-port=10000/tcp --add-port=8472/udp',
      'master$ firewall-cmd --permanent --add-port=10000/tcp --add-port=8472/udp',
    ])
  })

  test('is not asked to open nothing, which it answers with an error', async () => {
    const { ctx, steps } = on()
    await firewalld.open(ctx, [])
    expect(steps).toEqual([])
  })
})
