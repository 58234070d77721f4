import { afterEach, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import ssh2, { type Connection, type ServerChannel } from 'ssh2'
import { generateKeyPair } from '../../lib/host/keys.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { pinned } from '../../lib/host/verify-host-keys.ts'
import { sshdPath, startSshd } from './sshd.ts'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** What a server does with the n-th program (from 1) that is asked for on one connection. */
type Answer = (program: {
  readonly command: string
  readonly number: number
  readonly accept: () => ServerChannel
  readonly reject: () => void
  readonly client: Connection
}) => void

/** A server that lets everybody in, and answers as no sshd can be made to. Closed with the test. */
async function connectToServer(answer: Answer) {
  const hostPair = generateKeyPair('host')
  const server = new ssh2.Server({ hostKeys: [hostPair.privateKey] }, (client) => {
    let number = 0
    client.on('error', () => {})
    client.on('authentication', (login) => login.accept())
    client.on('session', (acceptSession) => {
      acceptSession().on('exec', (accept, reject, { command }) =>
        answer({ command, number: ++number, accept, reject, client }),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(() => server.close())
  const { port } = server.address() as { port: number }
  const target = { host: '127.0.0.1', port, user: 'anybody', privateKey: generateKeyPair('user').privateKey }
  return bound(sshConnection({ name: 'node', target, hostKeys: pinned(hostPair.publicLine) }))
}

function bound(connection: ReturnType<typeof sshConnection>) {
  opened.push(connection.close)
  return connection.bind({ signal: new AbortController().signal, onOutput: () => {} })
}

function runIn(channel: ServerChannel, command: string): void {
  const child = spawn('bash', ['-c', command], { stdio: 'pipe', detached: true })
  channel.pipe(child.stdin)
  child.stdin.on('error', () => {})
  child.stdout.pipe(channel, { end: false })
  child.stderr.pipe(channel.stderr, { end: false })
  child.on('close', (code) => {
    channel.exit(code ?? 1)
    channel.end()
  })
}

test('a program that ends in the same moment as it is started: its exit code is known', async () => {
  const { $ } = await connectToServer(({ accept }) => {
    const channel = accept()
    channel.stderr.write('This account is currently not available.\n')
    channel.exit(1)
    channel.end()
  })
  expect(toFailure(await $`true`.catch((error) => error))).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('no shell could be started (exit code 1): This account'),
  })
})

test('a server that refuses a second program on a connection', async () => {
  const { $ } = await connectToServer(({ command, number, accept, reject }) => {
    if (number === 1) runIn(accept(), command)
    else reject()
  })
  expect((await $`echo one`).stdout).toBe('one\n')
})

test('a server that hangs up when a second program is asked for', async () => {
  const { $ } = await connectToServer(({ command, number, accept, client }) => {
    if (number === 1) runIn(accept(), command)
    else client.end()
  })
  expect((await $`echo one`).stdout).toBe('one\n')
})

test.skipIf(!sshdPath)('an sshd that allows one session a connection', async () => {
  const sshd = await startSshd({ config: ['MaxSessions 1'] })
  opened.push(sshd.stop)
  const { $ } = bound(sshConnection({ name: 'node', target: sshd.target(), hostKeys: pinned(sshd.hostKeyLine) }))
  expect((await $`echo first`).stdout).toBe('first\n')
  const outputs = await Promise.all(Array.from({ length: 4 }, (_, index) => $`sleep 0.1; echo ${index}`))
  expect(outputs.map(({ stdout }) => stdout.trim())).toEqual(['0', '1', '2', '3'])
})
