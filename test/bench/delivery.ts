import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../../lib/host/host.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import { type Sshd, startSshd } from '../host/sshd.ts'
import { describeMachine } from './machine.ts'
import { median } from './row.ts'

/**
 * A piece of the bundle to an existing machine, against `scp`, and to four machines at once: `bun test/bench/delivery.ts
 * [MiB [rounds]]`. Each way takes its turn in every round; machines are sshds on 127.0.0.1 of this one.
 */

const [sizeMiB = 1024, rounds = 3] = process.argv.slice(2).map(Number)
const machines = 4

const folder = mkdtempSync(join(process.env.KEDGE_BENCH_FOLDER ?? tmpdir(), 'kedge-bench-'))
const sshds: Sshd[] = []
const clean = async () => {
  const stopped = sshds.splice(0).map((sshd) => sshd.stop())
  rmSync(folder, { recursive: true, force: true })
  await Promise.all(stopped)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => clean().finally(() => process.exit(130)))
try {
  for (let count = 0; count < machines; count++)
    sshds.push(await startSshd({ config: ['Subsystem sftp internal-sftp'] }))
  const [first] = sshds as [Sshd]
  const piece = join(folder, 'piece')
  const sha256 = makePiece(piece, sizeMiB)
  // An open connection is what a run has; scp opens its own, in a fraction of a second.
  const connections = sshds.map((sshd) => {
    const target = sshd.target()
    return sshConnection({ name: 'node', target, hostKeys: target.hostKeys as never })
  })
  const hosts = connections.map((connection) =>
    connection.bind({ signal: new AbortController().signal, onOutput: () => {} }),
  )
  await Promise.all(hosts.map((host) => host.$`true`))

  let number = 0
  const send = async (to: typeof hosts) => {
    await Promise.all(to.map((host) => host.put(piece, join(folder, `there/${number++}`), { sha256, resumable: true })))
  }
  const ways: Readonly<Record<string, () => Promise<void>>> = {
    scp: () => scp(first, piece, join(folder, 'there/scp')),
    'scp, sha256sum, sync': async () => {
      await scp(first, piece, join(folder, 'there/scp'))
      const { $ } = hosts[0] as Host
      await $`sha256sum ${join(folder, 'there/scp')} && sync ${join(folder, 'there/scp')}`
    },
    kedge: () => send(hosts.slice(0, 1)),
    [`kedge, ${machines} machines at once`]: () => send(hosts),
  }
  const seconds = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  const readBytes: number[] = []
  for (let round = 0; round <= rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      mkdirSync(join(folder, 'there'), { recursive: true })
      const [began, before] = [performance.now(), readFromDisk()]
      await way()
      // The first round warms up.
      if (round > 0) seconds.get(name)?.push((performance.now() - began) / 1000)
      if (round > 0) readBytes.push(readFromDisk() - before)
      rmSync(join(folder, 'there'), { recursive: true })
    }
  }
  for (const connection of connections) await connection.close()

  const results = [...seconds].map(([name, all]) => {
    const sent = name.includes('machines') ? sizeMiB * machines : sizeMiB
    return { name, seconds: median(all), all: all.map((each) => +each.toFixed(3)), mibPerSecond: sent / median(all) }
  })
  const rate = (index: number) => results[index]?.mibPerSecond ?? Number.NaN
  const goals = [
    { what: 'one machine, against scp', ratio: rate(2) / rate(0), goal: 1 },
    { what: 'one machine, against scp with the sum and the flush that kedge makes', ratio: rate(2) / rate(1), goal: 1 },
    { what: `${machines} machines at once, against one`, ratio: rate(3) / rate(2), goal: 1.5 },
  ]
  console.log(`${sizeMiB} MiB, median of ${rounds}`)
  for (const { name, seconds: each, mibPerSecond } of results)
    console.log(`${name.padEnd(28)} ${each.toFixed(2).padStart(8)} s ${mibPerSecond.toFixed(0).padStart(6)} MiB/s`)
  for (const { what, ratio, goal } of goals)
    console.log(`${ratio >= goal ? 'met   ' : 'missed'} ${ratio.toFixed(2)}x of ${goal}x: ${what}`)
  console.log(`read from disk by kedge after the first round: ${readBytes.reduce((sum, each) => sum + each, 0)} bytes`)
  console.log(
    JSON.stringify({ sizeMiB, rounds, machine: { ...describeMachine(), freeGiB: freeGiB() }, results, goals }),
  )
} finally {
  await clean()
}

/** Bytes that nothing compresses, on disk; returns their sha256. */
function makePiece(path: string, size: number): string {
  const hash = new Bun.CryptoHasher('sha256')
  const file = openSync(path, 'w')
  for (let written = 0; written < size; written++) {
    const block = crypto.getRandomValues(new Uint8Array(65_536))
    for (let part = 0; part < 16; part++) {
      block[0] = part
      hash.update(block)
      writeSync(file, block)
    }
  }
  fsyncSync(file)
  closeSync(file)
  return hash.digest('hex')
}

async function scp({ port, keyPath, hostKeyLine, target }: Sshd, from: string, to: string): Promise<void> {
  const knownHosts = join(folder, 'known_hosts')
  await Bun.write(knownHosts, `[127.0.0.1]:${port} ${hostKeyLine}\n`)
  const options = ['-q', '-F', '/dev/null', '-i', keyPath, '-P', `${port}`, '-o', `UserKnownHostsFile=${knownHosts}`]
  const child = Bun.spawn(['scp', ...options, from, `${target().user}@127.0.0.1:${to}`], { stderr: 'inherit' })
  if ((await child.exited) !== 0) throw new Error('scp failed')
}

/** By this process; what the page cache has is not counted. */
function readFromDisk(): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

function freeGiB(): number {
  const { bavail, bsize } = statfsSync(folder)
  return Math.round((bavail * bsize) / 1024 ** 3)
}
