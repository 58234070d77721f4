import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection, Host, HostBinding } from '../../lib/host/host.ts'
import { createVault } from '../../lib/host/secret.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { fileContract } from './contract-files.ts'
import { stopContract } from './contract-stop.ts'
import { hostileTexts } from './hostile-texts.ts'

// A machine that is busy with other things is slow, not wrong.
setDefaultTimeout(60_000)

/** One way of having a host, and what it cannot do. */
export type Subject = {
  readonly name: string
  open(): Promise<Connection>
  /** Runs real processes on this machine, so that a test may look at them. */
  readonly runsProcesses: boolean
}

/** A bound host, what it told its binding, and what to clear away after the test. */
export type Bench = {
  readonly host: Host
  readonly $: Host['$']
  readonly told: [stream: string, line: string][]
  readonly stop: AbortController
}

export type Benches = {
  readonly folder: () => string
  readonly connection: () => Connection
  bind(binding?: Partial<HostBinding>): Bench
}

/** What every host promises, whatever it is made of. */
export function hostContract(subject: Subject): void {
  describe(subject.name, () => {
    let connection: Connection
    let folder: string
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'kedge-contract-'))
      // A user without rights of his own works here, too.
      Bun.spawnSync(['chmod', '777', folder])
      connection = await subject.open()
    })
    afterAll(async () => {
      await connection.close()
      rmSync(folder, { recursive: true, force: true })
    })
    const benches: Benches = {
      folder: () => folder,
      connection: () => connection,
      bind(binding = {}) {
        const told: Bench['told'] = []
        const stop = new AbortController()
        const host = connection.bind({
          signal: stop.signal,
          onOutput: (stream, line) => told.push([stream, line]),
          ...binding,
        })
        return { host, $: host.$, told, stop }
      },
    }
    commandContract(benches)
    outputContract(benches)
    if (subject.runsProcesses) stopContract(benches)
    fileContract(benches, subject.runsProcesses)
  })
}

function commandContract({ bind }: Benches): void {
  test.each(hostileTexts)('passes an argument on unchanged: %j', async (text) => {
    const { $ } = bind()
    expect((await $`printf %s ${text}`).stdout).toBe(text)
  })

  test('passes a list as one argument each', async () => {
    const { $ } = bind()
    expect((await $`printf '<%s>' ${['a b', '', '*']}`).stdout).toBe('<a b><><*>')
  })

  test('refuses an argument with a NUL', async () => {
    const { $ } = bind()
    expect(() => $`echo ${'a\0b'}`).toThrow('NUL')
  })

  test('fails with the exit code of a command, of any part of a pipe, and of any line', async () => {
    const { $ } = bind()
    for (const run of [() => $`exit 7`, () => $`(exit 7) | cat`, () => $`(exit 7)\necho on`]) {
      const error = await run().catch((thrown) => thrown)
      expect(toFailure(error)).toMatchObject({ kind: 'command', exitCode: 7 })
    }
  })

  test('forgives an exit code where nothrow is set', async () => {
    const { $ } = bind()
    const output = await $`echo out; echo err >&2; exit 3`.nothrow()
    expect([output.exitCode, output.stdout, output.stderr]).toEqual([3, 'out\n', 'err\n'])
    expect((await $({ nothrow: true })`exit 4`).exitCode).toBe(4)
  })

  test('names the signal that ended a command', async () => {
    const { $ } = bind()
    const output = await $`kill -USR1 $$`.nothrow()
    expect([output.exitCode, output.signal]).toEqual([null, 'SIGUSR1'])
  })

  test('gives a command an empty stdin unless told otherwise', async () => {
    const { $ } = bind()
    expect((await $`cat`).stdout).toBe('')
    expect((await $({ input: 'given' })`cat`).stdout).toBe('given')
    expect((await $({ input: Buffer.from('bytes') })`cat`).stdout).toBe('bytes')
  })

  test('takes large input whole', async () => {
    const { $ } = bind()
    const input = 'kedge 0123456789\n'.repeat(300_000)
    expect((await $({ input })`wc -c`).stdout.trim()).toBe(String(input.length))
  })

  test('runs in the folder and with the variables of its binding, and takes more per call', async () => {
    const { $ } = bind({ cwd: '/usr', env: { FROM_BINDING: "it's one" } })
    expect((await $`pwd; echo "$FROM_BINDING"`).stdout).toBe("/usr\nit's one\n")
    const more = await $({ cwd: '/tmp', env: { FROM_CALL: 'two' } })`pwd; echo "$FROM_BINDING $FROM_CALL"`
    expect(more.stdout).toBe("/tmp\nit's one two\n")
  })

  test('pipes into a command on the same host and on another one', async () => {
    const { $ } = bind()
    expect((await $`printf 'b\na\n'`.pipe`sort`.pipe`head -n 1`).stdout).toBe('a\n')
    expect((await $`printf 'b\na\n'`.pipe(bind().$`sort`)).stdout).toBe('a\nb\n')
    const failed = await $`exit 9`.pipe`cat`.catch((error) => error)
    expect(failed.exitCode).toBe(9)
  })

  test('runs fifty commands at once', async () => {
    const { $ } = bind()
    const outputs = await Promise.all(Array.from({ length: 50 }, (_, index) => $`echo ${index}`))
    expect(outputs.map((output) => Number(output.stdout))).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })

  test('hands a secret to the command alone', async () => {
    const { $, told } = bind()
    const secret = createVault().secret("to'ken \\ \n $HOME é")
    const output = await $`printf %s ${secret} | od -An -tx1 | tr -d ' \n'`
    expect(Buffer.from(output.stdout, 'hex').toString()).toBe("to'ken \\ \n $HOME é")
    expect(told[0]).toEqual(['command', `printf %s *** | od -An -tx1 | tr -d ' \n'`])
    expect((await $`printf %s ${`--token=${secret}`}`).stdout).toBe('--token=***')
    expect((await $({ input: 'rest' })`cat; printf %s ${secret} | wc -c`).stdout).toMatch(/^rest *19\n$/)
    expect((await $({ input: secret as never })`wc -c`).stdout.trim()).toBe('19')
  })
}

function outputContract({ bind }: Benches): void {
  test('reads output as text, lines and JSON', async () => {
    const { $ } = bind()
    expect(await $`echo text`.text()).toBe('text\n')
    expect(await $`printf 'a\nb'`.lines()).toEqual(['a', 'b'])
    expect(await $`echo '{"a":[1]}'`.json<unknown>()).toEqual({ a: [1] })
  })

  test('yields lines while the command runs, characters whole', async () => {
    const { $ } = bind()
    const lines: string[] = []
    for await (const line of $`printf 'é%.0s' {1..50000}; printf '\\n\\xc3'; printf '\\xa9\\r\\nlast'`) lines.push(line)
    expect(lines).toEqual(['é'.repeat(50_000), 'é', 'last'])
  })

  test('a command that fails after its lines fails whoever reads them', async () => {
    const { $ } = bind()
    const read = async () => {
      for await (const line of $`echo one; exit 6`) expect(line).toBe('one')
    }
    expect(toFailure(await read().catch((error) => error))).toMatchObject({ exitCode: 6 })
  })

  test('tells its binding the command and each line, masked, cut, the last one without a newline too', async () => {
    const { $, told } = bind()
    createVault().secret('hunter2-hunter2')
    const output = await $`echo one; echo hunter2-hunter2; printf '%020000d\n' 0; printf 'a\rb'; echo err >&2`
    expect(output.stdout).toContain('hunter2-hunter2')
    expect(told.filter(([stream]) => stream === 'stdout').map(([, line]) => line)).toEqual([
      'one',
      '***',
      `${'0'.repeat(16 * 1024)} …`,
      'b',
    ])
    expect(told.filter(([stream]) => stream === 'stderr')).toEqual([['stderr', 'err']])
    expect(told[0]?.[0]).toBe('command')
  })

  test('keeps quiet where it is asked to', async () => {
    const { $, told } = bind()
    await $({ quiet: true })`echo out`
    expect(told.filter(([stream]) => stream === 'stdout')).toEqual([])
  })

  test('a failure carries the command and the last lines, masked', async () => {
    const { $ } = bind()
    const secret = createVault().secret('correct-horse')
    const error = await $`seq 30; echo ${secret} >&2; exit 5`.catch((thrown) => thrown)
    const failure = toFailure(error)
    expect(failure.command).toBe('seq 30; echo *** >&2; exit 5')
    expect(failure.lastLines).toHaveLength(20)
    expect(failure.lastLines).toContain('***')
    expect(JSON.stringify(failure)).not.toContain('correct-horse')
  })
}
