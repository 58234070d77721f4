import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Listening } from '../../lib/host/host.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { type Sshd, sshdPath, startSshd } from './sshd.ts'

const echo = (stream: Duplex) => void stream.pipe(stream)

function open(sshd: Sshd) {
  const target = sshd.target()
  return sshConnection({ name: 'pi', target, hostKeys: target.hostKeys as never })
}

/** What comes back for a text, or why nothing does. */
function ask(port: number, text: string): Promise<{ readonly said: string; readonly localPort: number }> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let localPort = 0
    socket.on('connect', () => {
      localPort = socket.localPort ?? 0
    })
    socket.on('data', (chunk) => {
      resolve({ said: chunk.toString(), localPort })
      socket.destroy()
    })
    socket.on('error', (error) => resolve({ said: (error as NodeJS.ErrnoException).code ?? '', localPort }))
    socket.on('close', () => resolve({ said: 'closed', localPort }))
  })
}

test.skipIf(!sshdPath)('who connects to the port there is heard, with the port that it came from', async () => {
  const sshd = await startSshd()
  const connection = open(sshd)
  let listening: Listening | undefined
  const from: number[] = []
  try {
    listening = await connection.listen?.((stream, fromPort) => {
      from.push(fromPort)
      echo(stream)
    })
    const answers = await Promise.all(['one', 'two'].map((text) => ask(listening?.port ?? 0, text)))
    expect(answers.map(({ said }) => said)).toEqual(['one', 'two'])
    expect(answers.map(({ localPort }) => localPort).sort()).toEqual(from.sort())
    listening?.close()
    // sshd lets the port go when it sees the connection's end.
    while ((await ask(listening?.port ?? 0, 'three')).said === 'three') await Bun.sleep(20)
  } finally {
    listening?.close()
    await connection.close()
    await sshd.stop()
  }
})

test.skipIf(!sshdPath)('a connection that is lost is made anew, and the port is the same', async () => {
  const sshd = await startSshd()
  const connection = open(sshd)
  let listening: Listening | undefined
  try {
    listening = await connection.listen?.(echo)
    const before = new Set(sshd.sessions())
    sshd.cutConnections()
    while (sshd.sessions().some((pid) => before.has(pid))) await Bun.sleep(20)
    while ((await ask(listening?.port ?? 0, 'again')).said !== 'again') await Bun.sleep(20)
  } finally {
    listening?.close()
    await connection.close()
    await sshd.stop()
  }
})

test.skipIf(!sshdPath)('an sshd that forwards nothing is named, with the cure', async () => {
  const sshd = await startSshd({ config: ['AllowTcpForwarding no'] })
  const connection = open(sshd)
  try {
    const error = await connection.listen?.(echo).catch((thrown) => thrown)
    expect(toFailure(error)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('sshd opens no port there'),
      cure: expect.stringContaining('AllowTcpForwarding'),
    })
  } finally {
    await connection.close()
    await sshd.stop()
  }
})
