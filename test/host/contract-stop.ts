import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { createVault } from '../../lib/host/secret.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import type { Bench, Benches } from './contract.ts'

type Started = Bench & { whenStarted(act: () => void): void }

/** For hosts whose processes are on this machine, so that their end can be seen. */
export function stopContract({ bind, connection }: Benches): void {
  const starting = async (run: (bench: Started) => PromiseLike<unknown>) => {
    const pids: number[] = []
    const started = Promise.withResolvers<void>()
    const bench = bind({
      onOutput: (stream, line) => {
        if (stream === 'stdout') pids.push(Number(line))
        if (pids.length === 2) started.resolve()
      },
    })
    const ended = Promise.resolve(run({ ...bench, whenStarted: (act) => started.promise.then(() => void act()) })).then(
      () => undefined,
      (error: unknown) => error,
    )
    await Promise.race([started.promise, ended])
    return { pids, ended, stop: bench.stop }
  }
  const family = 'sleep 1000 & echo $!; (sleep 1000 & echo $!; wait); wait'

  test('stops a command together with its grandchildren, nothrow or not', async () => {
    const { pids, ended, stop } = await starting(({ $ }) => $`bash -c ${family}`.nothrow())
    expect(pids.map(isAlive)).toEqual([true, true])
    stop.abort()
    expect(await ended).toBeDefined()
    await untilDead(pids)
  })

  test('a timeout of its own ends them as well, and says that it was one', async () => {
    const { pids, ended } = await starting((bench) => {
      const command = bench.$`bash -c ${family}`
      bench.whenStarted(() => void command.timeout('1ms'))
      return command
    })
    expect(toFailure(await ended)).toMatchObject({ kind: 'timeout' })
    await untilDead(pids)
  })

  test('a secret stands in no argument and no environment while its command runs', async () => {
    const value = 'kedge-proof-of-secrecy'
    const { $ } = bind()
    const command = $`token=${createVault().secret(value)}; export shown=kedge-shown-in-environment
      bash -c 'echo ready; sleep 1000; true'; echo "$token"`
    for await (const line of command) {
      expect(line).toBe('ready')
      // A bash that stays a bash: while a process becomes another program it shows no environment at all.
      expect(processesThatShow('kedge-shown-in-environment', 'environ')).not.toEqual([])
      expect(processesThatShow(value, 'environ')).toEqual([])
      expect(processesThatShow(value, 'cmdline')).toEqual([])
      break
    }
    await command.catch(() => {})
  })

  test('kill reaches the command and no process of this machine that has its number', async () => {
    const { $ } = bind()
    const command = $`echo ready; sleep 1000`
    for await (const line of command) {
      expect(line).toBe('ready')
      break
    }
    const error = await command.catch((thrown) => thrown)
    expect(error.signal).toBe('SIGTERM')
  })

  test('starts nothing once it is stopped', async () => {
    const { $, host, stop } = bind()
    stop.abort(new DOMException('too late', 'TimeoutError'))
    const error = await $`echo ran`.nothrow().then(
      () => undefined,
      (thrown) => thrown,
    )
    expect(error?.stdout).toBe('')
    expect(toFailure(error)).toMatchObject({ kind: 'timeout', message: 'too late' })
    await expect(host.read('/etc/passwd')).rejects.toThrow('too late')
    await expect(host.write('/tmp/never', 'x')).rejects.toThrow('too late')
  })

  test('a slow reader of lines loses none and holds the command up instead', async () => {
    const { $ } = bind()
    let count = 0
    let last = ''
    let wasHeldUp = false
    const command = $({ quiet: true })`seq 200000`
    for await (const line of command) {
      count += 1
      last = line
      // The reader stands still until the command does.
      while (count === 1 && !wasHeldUp && !command.output) {
        await new Promise((resolve) => setImmediate(resolve))
        wasHeldUp = command.stdout.isPaused()
      }
    }
    expect([count, last, wasHeldUp]).toEqual([200_000, '200000', true])
  })

  test('closing ends what still runs', async () => {
    const { pids, ended } = await starting(({ $ }) => $`bash -c ${family}`)
    await connection().close()
    expect(await ended).toBeDefined()
    await untilDead(pids)
  })
}

function processesThatShow(text: string, file: 'environ' | 'cmdline'): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/${file}`, 'latin1').includes(text)
    } catch {
      return false
    }
  })
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; who started it has not asked yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Remote processes end a moment after the command that held them. */
export async function untilDead(pids: readonly number[]): Promise<void> {
  for (let attempt = 0; attempt < 4000 && pids.some(isAlive); attempt++) await Bun.sleep(10)
  expect(pids.filter(isAlive)).toEqual([])
}
