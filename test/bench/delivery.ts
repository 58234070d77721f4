import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../../lib/host/host.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import { type Sshd, startSshd } from '../host/sshd.ts'
import { bench } from './bench.ts'
import { interleave } from './interleave.ts'
import { compare, type Row } from './row.ts'

/**
 * A piece of the bundle to an existing machine, against `scp`, and to four machines at once: `bun test/bench/delivery.ts
 * [MiB [rounds]]`. Machines are sshds on 127.0.0.1 of this one, so that both ends share its processors.
 */

const machines = 4

if (import.meta.main) await bench((words) => measure(Number(words[0] ?? 1024), Number(words[1] ?? 2)))

async function measure(sizeMiB: number, rounds: number): Promise<readonly Row[]> {
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
    return await measureOn(sshds, folder, { sizeMiB, rounds })
  } finally {
    await clean()
  }
}

type Size = { readonly sizeMiB: number; readonly rounds: number }

async function measureOn(sshds: readonly Sshd[], folder: string, { sizeMiB, rounds }: Size): Promise<readonly Row[]> {
  const [first] = sshds as readonly [Sshd]
  const [piece, there] = [join(folder, 'piece'), join(folder, 'there')]
  const sha256 = makePiece(piece, sizeMiB)
  // An open connection is what a run has; scp opens its own, in a fraction of a second.
  const connections = sshds.map((sshd) => {
    const target = sshd.target()
    return sshConnection({ name: 'node', target, hostKeys: target.hostKeys as never })
  })
  const hosts = connections.map((connection) =>
    connection.bind({ signal: new AbortController().signal, onOutput: () => {} }),
  )
  const [host] = hosts as [Host]
  await Promise.all(hosts.map((host) => host.$`true`))
  let number = 0
  const send = (to: readonly Host[]) => async () => {
    await Promise.all(to.map((host) => host.put(piece, join(there, `${number++}`), { sha256, resumable: true })))
  }
  mkdirSync(there)
  const read = readFromDisk()
  const seconds = await interleave(
    {
      scp: () => scp(first, piece, join(there, 'scp')),
      checked: async () => {
        await scp(first, piece, join(there, 'scp'))
        await host.$`sha256sum ${join(there, 'scp')} && sync ${join(there, 'scp')}`
      },
      one: send([host]),
      all: send(hosts),
    },
    {
      rounds,
      clean: () => {
        rmSync(there, { recursive: true })
        mkdirSync(there)
      },
    },
  )
  const readMiB = (readFromDisk() - read) / 1024 ** 2
  for (const connection of connections) await connection.close()

  const what = `${sizeMiB} MiB to an existing machine`
  const goal = { atLeast: 1 }
  const each = seconds.all.map((all) => all / machines)
  return [
    compare({
      what,
      against: 'scp',
      ours: seconds.one,
      theirs: seconds.scp,
      goal,
      note: 'scp makes no sum, and flushes nothing',
    }),
    compare({ what, against: 'scp, sha256sum, sync', ours: seconds.one, theirs: seconds.checked, goal }),
    compare({
      what: `${sizeMiB} MiB to each of ${machines} machines at once, seconds for one`,
      against: 'to one alone',
      ours: each,
      theirs: seconds.one,
      goal: { atLeast: 1.5 },
      note: `both ends of all are this machine, of whose processors one delivery alone takes most; ${readMiB.toFixed(1)} MiB were read from disk`,
    }),
  ]
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

async function scp({ port, keyPath, hostKeyLine, target, folder }: Sshd, from: string, to: string): Promise<void> {
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
