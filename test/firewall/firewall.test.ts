import { describe, expect, test } from 'bun:test'
import { activeFirewalls } from '../../lib/firewall/firewall.ts'
import { firewalld } from '../../lib/firewall/firewalld.ts'
import { ufw } from '../../lib/firewall/ufw.ts'
import type { Rule } from '../../lib/host/scripted.ts'
import { portName } from '../../lib/kubeedge/ports.ts'
import { sceneOn } from '../tasks/context.ts'
import { profileFile, profileRules, ufwStatus } from './fake-ufw.ts'

const notFound = (name: string) => ({ stderr: `bash: line 1: ${name}: command not found\n`, exitCode: 127 })
const on = (...master: Rule[]) => sceneOn('master', { rules: { master } })
const ports = [
  { port: 10000, protocol: 'tcp', purpose: 'CloudHub' },
  { port: 10002, protocol: 'tcp', purpose: 'CloudHub certificates' },
  { port: 8472, protocol: 'udp', purpose: 'pod network (VXLAN)' },
] as const

const isOff = { exitCode: 1 }

test.each([
  ['neither program', { exitCode: 2 }, notFound('firewall-cmd'), []],
  ['ufw installed, but off', isOff, notFound('firewall-cmd'), []],
  ['ufw at work', '', notFound('firewall-cmd'), ['ufw']],
  ['firewalld installed, but stopped', isOff, { stderr: 'not running\n', exitCode: 252 }, []],
  ['firewalld at work', isOff, 'running\n', ['firewalld']],
  ['both at work', '', 'running\n', ['ufw', 'firewalld']],
])('%s', async (_, ufwEnabled, state, active) => {
  const { ctx } = on([/grep .*ENABLED=yes.* \/etc\/ufw\/ufw.conf/, ufwEnabled], ['firewall-cmd --state', state])
  expect((await activeFirewalls(ctx)).map(({ name }) => name)).toEqual(active)
})

describe('ufw', () => {
  const closed = async (...rules: string[]) =>
    (await ufw.closed(on(['ufw status verbose', ufwStatus(...rules)]).ctx, ports)).map(portName)

  test('open is what everybody may reach, through the profile or a rule of somebody else', async () => {
    expect(
      await closed('22/tcp (OpenSSH)           ALLOW IN    Anywhere', ...profileRules(['10000,10002/tcp', '8472/udp'])),
    ).toEqual([])
    expect(
      await closed(
        '10000/tcp                  ALLOW IN    Anywhere                   # by hand',
        ...profileRules(['10002/tcp', '8472/udp']),
      ),
    ).toEqual([])
  })

  test('closed is what nobody, only some, or only IPv6 may reach, or another protocol or number', async () => {
    const all = ports.map(portName)
    expect(await closed()).toEqual(all)
    expect(
      await closed(
        '10000/tcp                  DENY IN     Anywhere',
        '10002/tcp                  ALLOW IN    192.168.23.0/24',
        '8472/udp (v6)              ALLOW IN    Anywhere (v6)',
        '8472/tcp                   ALLOW IN    Anywhere',
        '110000,100020/tcp          ALLOW IN    Anywhere',
        '10000,10002/tcp            ALLOW OUT   Anywhere',
      ),
    ).toEqual(all)
    expect(await closed(...profileRules(['10000/tcp', '8472/udp']))).toEqual(['10002/tcp'])
  })

  test('opens all in one profile and one rule, and tells a rule that is there of the new ports', async () => {
    const { ctx, steps, file } = on([/^ufw/, 'Rule added\nRule added (v6)\n'])
    await ufw.open(ctx, ports)
    expect(steps).toEqual([`master$ write ${profileFile}`, 'master$ ufw app update kedge && ufw allow kedge'])
    expect(file('master', profileFile)).toBe(`[kedge]
title=kedge
description=10000 CloudHub, 10002 CloudHub certificates, 8472 pod network (VXLAN)
ports=10000,10002/tcp|8472/udp
`)
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
})
