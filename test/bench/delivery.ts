import { closeSync, fsyncSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../../lib/host/host.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import { type Sshd, startSshd } from '../host/sshd.ts'
import { bench } from './bench.ts'
import { interleave } from './interleave.ts'
import { compare, type Row, skip } from './row.ts'

/**
 * A piece of the bundle to an existing machine, against `scp`, and to four machines at once: `bun test/bench/delivery.ts
 * [MiB [rounds]]`. Machines are sshds on 127.0.0.1 of this one, so that both ends share its processors; a second time each of
 * them is behind a link of its own, as machines are.
 */

const machines = 4
const linkMbit = 1000
const onLinks = '--on-links'
const behindLinks = `, each behind ${linkMbit} Mbit/s`

if (import.meta.main) {
  await bench(async (words) => {
    const [sizeMiB = 1024, rounds = 2] = words.filter((word) => word !== onLinks).map(Number)
    const size = { sizeMiB, rounds }
    if (words.includes(onLinks)) return await measure(size, measureOnLinks)
    return [...(await measure(size, measureOn)), ...(await inOwnNetwork(size))]
  })
}

async function measure(size: Size, how: typeof measureOn): Promise<readonly Row[]> {
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
    return await how(sshds, folder, size)
  } finally {
    await clean()
  }
}

type Size = { readonly sizeMiB: number; readonly rounds: number }

/** The piece, and the ways to bring it to machines. */
async function ways(sshds: readonly Sshd[], folder: string, sizeMiB: number) {
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
  return {
    scp: () => scp(first, piece, join(there, 'scp')),
    checked: async () => {
      await scp(first, piece, join(there, 'scp'))
      await host.$`sha256sum ${join(there, 'scp')} && sync ${join(there, 'scp')}`
    },
    one: send([host]),
    all: send(hosts),
    clean() {
      rmSync(there, { recursive: true })
      mkdirSync(there)
    },
    async close() {
      for (const connection of connections) await connection.close()
    },
  }
}

async function measureOn(sshds: readonly Sshd[], folder: string, { sizeMiB, rounds }: Size): Promise<readonly Row[]> {
  const { clean, close, ...each } = await ways(sshds, folder, sizeMiB)
  const read = readFromDisk()
  const seconds = await interleave(each, { rounds, clean })
  const readMiB = (readFromDisk() - read) / 1024 ** 2
  await close()

  const what = `${sizeMiB} MiB to an existing machine`
  const goal = { atLeast: 1 }
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
    manyAtOnce(
      sizeMiB,
      seconds,
      `both ends of all are this machine, of whose processors one delivery alone takes most; ${readMiB.toFixed(1)} MiB were read from disk`,
    ),
  ]
}

type Seconds = { readonly one: readonly number[]; readonly all: readonly number[] }

function manyAtOnce(sizeMiB: number, { one, all }: Seconds, note: string, where = ''): Row {
  return compare({
    what: `${sizeMiB} MiB to each of ${machines} machines at once${where}, seconds for one`,
    against: 'to one alone',
    ours: all.map((seconds) => seconds / machines),
    theirs: one,
    goal: { atLeast: 1.5 },
    note,
  })
}

/** What is sent to each sshd's port goes at the pace of a link; to be called in a network of its own alone. */
async function measureOnLinks(
  sshds: readonly Sshd[],
  folder: string,
  { sizeMiB, rounds }: Size,
): Promise<readonly Row[]> {
  const tc = (...words: readonly string[]) => mustDo(['tc', ...words])
  await tc('qdisc', 'add', 'dev', 'lo', 'root', 'handle', '1:', 'htb', 'r2q', '1000')
  for (const [at, { port }] of sshds.entries()) {
    const link = `1:${at + 1}`
    const rate = ['rate', `${linkMbit}mbit`, 'burst', '256k', 'mtu', '65536']
    await tc('class', 'add', 'dev', 'lo', 'parent', '1:', 'classid', link, 'htb', ...rate)
    const sent = ['match', 'ip', 'dport', `${port}`, '0xffff']
    await tc('filter', 'add', 'dev', 'lo', 'parent', '1:', 'protocol', 'ip', 'u32', ...sent, 'flowid', link)
  }
  const { clean, close, checked: _, ...each } = await ways(sshds, folder, sizeMiB)
  const seconds = await interleave(each, { rounds, clean, warmUps: 0 })
  await close()
  return [
    compare({
      what: `${sizeMiB} MiB to an existing machine${behindLinks}`,
      against: 'scp',
      ours: seconds.one,
      theirs: seconds.scp,
      goal: { atLeast: 1 },
    }),
    manyAtOnce(sizeMiB, seconds, 'where links are the bound and not this machine', behindLinks),
  ]
}

/** The same bench again, with a loopback of its own that can be slowed down. */
async function inOwnNetwork({ sizeMiB, rounds }: Size): Promise<readonly Row[]> {
  const again = [process.execPath, import.meta.path, '--json', onLinks, `${sizeMiB}`, `${rounds}`]
  try {
    const text = await mustDo(['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...again])
    return (JSON.parse(text) as { rows: readonly Row[] }).rows
  } catch (error) {
    return [
      skip(`${sizeMiB} MiB${behindLinks}`, 'scp, and one alone', `needs root and tc (${(error as Error).message})`),
    ]
  }
}

/** Its standard output. */
async function mustDo(words: readonly string[]): Promise<string> {
  const child = Bun.spawn([...words], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' })
  const text = await new Response(child.stdout).text()
  if ((await child.exited) !== 0) throw new Error(`${words[0]} ended with ${child.exitCode ?? child.signalCode}`)
  return text
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
