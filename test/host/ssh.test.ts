import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { HostKeys } from '../../lib/host/host-keys.ts'
import { generateKeyPair } from '../../lib/host/keys.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import type { SshOptions, SshTarget } from '../../lib/host/ssh-target.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { pinned } from '../../lib/host/verify-host-keys.ts'
import { freePort } from '../loopback.ts'
import { hostContract } from './contract.ts'
import { isAlive, untilDead } from './contract-stop.ts'
import { type Sshd, sshdPath, startSshd } from './sshd.ts'
import { createSudoUser, removeSudoUser, type SudoUser } from './sudo-user.ts'

/** For connections whose every hop has its own host keys. */
const noHostKeys: HostKeys = {
  verify: () => ({ accepted: false, message: 'not asked for this hop', cure: '' }),
  keyTypes: () => undefined,
}
const connectTo = (target: SshTarget, options: Partial<SshOptions> = {}) =>
  sshConnection({ name: 'node', target, hostKeys: noHostKeys, ...options })
const bind = (connection: ReturnType<typeof sshConnection>, signal = new AbortController().signal) =>
  connection.bind({ signal, onOutput: () => {} })

if (!sshdPath) console.warn('skipped: OpenSSH’s sshd is not installed')

describe.if(sshdPath !== undefined)('ssh', () => {
  let sshd: Sshd
  let jumpSshd: Sshd
  beforeAll(async () => {
    sshd = await startSshd()
    jumpSshd = await startSshd()
  })
  afterAll(async () => {
    await sshd.stop()
    await jumpSshd.stop()
  })

  hostContract({ name: 'ssh', runsProcesses: true, open: async () => connectTo(sshd.target()) })
  hostContract({
    name: 'ssh through a jump host',
    runsProcesses: true,
    open: async () => connectTo({ ...sshd.target(), jump: jumpSshd.target() }),
  })

  const canMakeUsers = userInfo().uid === 0 && Bun.which('sudo') !== null && Bun.which('useradd') !== null
  if (!canMakeUsers)
    console.warn('skipped: a user with sudo, which only root can make, with sudo and useradd installed')
  describe.if(canMakeUsers)('with sudo', () => {
    let user: SudoUser
    beforeAll(() => {
      user = createSudoUser()
    })
    afterAll(() => removeSudoUser(user))

    hostContract({
      name: 'ssh as a user with sudo',
      runsProcesses: true,
      open: async () => connectTo(sshd.target(user.name), { sudo: true }),
    })

    test('commands and files are root’s', async () => {
      const host = bind(connectTo(sshd.target(user.name), { sudo: true }))
      expect((await host.$`id -un; echo $HOME`).stdout).toBe('root\n/root\n')
      expect(await host.read('/etc/shadow')).toContain('root:')
    })

    test('a sudo that asks for a password is named, with what to write', async () => {
      const host = bind(connectTo(sshd.target(user.nameWithPassword), { sudo: true }))
      const failure = toFailure(await host.$`true`.nothrow().catch((error) => error))
      expect(failure).toMatchObject({ kind: 'refused', cure: expect.stringContaining('NOPASSWD') })
      expect(failure.message).toContain('asks')
    })

    test('a login shell that is no shell is named', async () => {
      const host = bind(connectTo(sshd.target(user.nameWithoutShell)))
      const failure = toFailure(await host.$`true`.nothrow().catch((error) => error))
      expect(failure).toMatchObject({ kind: 'refused', message: expect.stringContaining('no shell could be started') })
    })
  })

  test('a link that is lost fails the command as unreachable, and the next command connects anew', async () => {
    const connection = connectTo(sshd.target())
    const host = bind(connection)
    let pid = 0
    const running = connection.bind({
      signal: new AbortController().signal,
      onOutput: (_, line) => Number(line) && cut(Number(line)),
    }).$`echo $$; exec sleep 1000`.nothrow()
    const cut = (number: number) => {
      pid = number
      sshd.cutConnections()
    }
    const failure = toFailure(await running.catch((error) => error))
    expect(failure.kind).toBe('unreachable')
    expect(failure.message).toContain(`127.0.0.1:${sshd.port}: the connection was lost`)
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    expect((await host.$`echo again`).stdout).toBe('again\n')
    await connection.close()
  })

  test('a file that is cut short by a lost link never takes the place of the old one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kedge-cut-'))
    const local = join(folder, 'local')
    const path = join(folder, 'far', 'file')
    writeFileSync(local, Buffer.alloc(64 * 1024 * 1024))
    const connection = connectTo(sshd.target())
    const host = bind(connection)
    await host.write(path, 'old')
    const cutOnce = (sent: number) => sent > 8 * 1024 * 1024 && sshd.cutConnections()
    const failure = toFailure(await host.put(local, path, { onProgress: cutOnce }).catch((error) => error))
    expect(failure.kind).toBe('unreachable')
    // What runs on the host after that is the far end's own: it finds its input short.
    while (readdirSync(join(folder, 'far')).length > 1) await Bun.sleep(10)
    expect(readFileSync(path, 'utf8')).toBe('old')
    await connection.close()
    rmSync(folder, { recursive: true })
  })

  test('a link that dies between two commands is not noticed by the second', async () => {
    const connection = connectTo(sshd.target())
    const { $ } = bind(connection)
    await $`true`
    sshd.cutConnections()
    expect((await $`echo again`).stdout).toBe('again\n')
    await connection.close()
  })

  test('a host that stops answering is noticed by keepalive', async () => {
    const frozen = await startSshd()
    const connection = connectTo(frozen.target(), { keepaliveSeconds: 0.3 })
    const freeze = () => {
      for (const pid of frozen.sessions()) process.kill(pid, 'SIGSTOP')
    }
    const { $ } = connection.bind({
      signal: new AbortController().signal,
      onOutput: (stream) => stream === 'stdout' && freeze(),
    })
    const failure = toFailure(await $`echo ready; sleep 3`.nothrow().catch((error) => error))
    expect(failure.message).toContain('the host stopped answering')
    await connection.close()
    await frozen.stop()
  })

  test('a wrong host key is refused before a user name is sent', async () => {
    const target = { ...sshd.target(), hostKeys: pinned(generateKeyPair('other').publicLine) }
    const before = sshd.log().length
    const failure = toFailure(await bind(connectTo(target)).$`true`.nothrow().catch((error) => error))
    expect(failure).toMatchObject({
      kind: 'untrusted',
      message: expect.stringContaining('not the one that kedge gave'),
    })
    expect(sshd.log().slice(before)).not.toMatch(/user|publickey/i)
  })

  test('the jump host’s key is checked as well', async () => {
    const jump = { ...jumpSshd.target(), hostKeys: pinned(generateKeyPair('other').publicLine) }
    const { $ } = bind(connectTo({ ...sshd.target(), jump }))
    const failure = toFailure(await $`true`.catch((error) => error))
    expect(failure.message).toContain(`[127.0.0.1]:${jumpSshd.port} shows the host key`)
  })

  test('a key that the host does not know: refused for good, and said whose, with which key and where', async () => {
    const { key: _, ...target } = sshd.target()
    const login = async (way: SshTarget) => toFailure(await bind(connectTo(way)).$`true`.catch((error) => error))
    const address = `${target.user}@127.0.0.1:${sshd.port}`
    expect(await login({ ...target, privateKey: generateKeyPair('stranger').privateKey })).toEqual({
      kind: 'unreachable',
      isFinal: true,
      message: `${address}: the login was refused with kedge’s key`,
      host: 'node',
      command: 'true',
    })
    const key = join(sshd.folder, 'stranger')
    writeFileSync(key, generateKeyPair('stranger').privateKey, { mode: 0o600 })
    expect(await login({ ...target, key })).toMatchObject({
      kind: 'unreachable',
      isFinal: true,
      message: `${address}: the login was refused with the key ${key}`,
      cure: `see that this logs in without a password: ssh -i ${key} -p ${sshd.port} ${target.user}@127.0.0.1`,
    })
  })

  test('a port on which nothing listens', async () => {
    const port = await freePort()
    const { $ } = bind(connectTo({ ...sshd.target(), port }))
    const failure = toFailure(await $`true`.nothrow().catch((error) => error))
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: `${sshd.target().user}@127.0.0.1:${port}: nothing listens on this port`,
    })
  })

  test('a host that takes the connection and says nothing', async () => {
    const server: Server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const { $ } = bind(connectTo({ ...sshd.target(), port }, { connectTimeoutSeconds: 0.2 }))
    const failure = toFailure(await $`true`.catch((error) => error))
    expect(failure).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('no answer within 0.2 s') })
    server.close()
  })

  test('a stop while connecting is immediate', async () => {
    const server: Server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const stop = new AbortController()
    const connection = connectTo({ ...sshd.target(), port })
    const command = bind(connection, stop.signal).$`true`.catch((error) => error)
    stop.abort(new Error('stopped'))
    expect((await command).cause?.message).toBe('stopped')
    await connection.close()
    server.close()
  })

  test('a server that allows fewer sessions gets more connections', async () => {
    const strict = await startSshd({ config: ['MaxSessions 2'] })
    const connection = connectTo(strict.target())
    const { $ } = bind(connection)
    const outputs = await Promise.all(Array.from({ length: 6 }, (_, index) => $`sleep 0.1; echo ${index}`))
    expect(outputs.map((output) => output.stdout.trim())).toEqual(['0', '1', '2', '3', '4', '5'])
    await connection.close()
    await strict.stop()
  })

  test('a login script that prints is no part of any output', async () => {
    const noisy = await startSshd({
      config: ['ForceCommand echo welcome; echo advice >&2; eval "$SSH_ORIGINAL_COMMAND"'],
    })
    const connection = connectTo(noisy.target())
    const output = await bind(connection).$`echo out; echo err >&2`
    expect([output.stdout, output.stderr]).toEqual(['out\n', 'err\n'])
    await connection.close()
    await noisy.stop()
  })

  test('opens a stream to where the host can reach', async () => {
    const connection = connectTo(sshd.target())
    const stream = await connection.openStream('127.0.0.1', jumpSshd.port)
    const first = await new Promise<Buffer>((resolve) => stream.once('data', resolve))
    expect(first.toString()).toMatch(/^SSH-2\.0-/)
    stream.destroy()
    await connection.close()
  })

  test('a child of a stopped command that ignores SIGTERM is not forgotten', async () => {
    const stop = new AbortController()
    const pids: number[] = []
    const ready = Promise.withResolvers<void>()
    const connection = connectTo(sshd.target())
    const { $ } = connection.bind({
      signal: stop.signal,
      onOutput: (stream, line) => {
        if (stream === 'stdout') pids.push(Number(line))
        if (stream === 'stdout') ready.resolve()
      },
    })
    const command = $`trap '' TERM; echo $$; sleep 1000`.catch((error) => error)
    await ready.promise
    stop.abort()
    await command
    await untilDead(pids)
    await connection.close()
  })
})
