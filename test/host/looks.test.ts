import { afterEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection, Host } from '../../lib/host/host.ts'
import { localConnection } from '../../lib/host/local.ts'
import { createLooks, type Looks } from '../../lib/host/looks.ts'
import { createVault } from '../../lib/host/secret.ts'

const folders: string[] = []
const connections: Connection[] = []
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A machine on which `users` may run commands, and how often `counted` commands were run there. */
function machine(looks: Looks = createLooks()) {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-looks-'))
  const connection = localConnection()
  folders.push(folder)
  connections.push(connection)
  const log = join(folder, 'log')
  const lines: string[] = []
  return {
    folder,
    looks,
    lines,
    user: (signal = new AbortController().signal, more: { readonly env?: Record<string, string> } = {}): Host =>
      connection.bind({ signal, onOutput: (_stream, line) => lines.push(line), cwd: folder, looks, ...more }),
    runs: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0),
  }
}

test('what was asked is not asked again, and its answer is the same to the letter', async () => {
  const { user, runs, lines } = machine()
  const ask = (host: Host) => host.$`echo x >> log; echo out; echo problem >&2; printf 'ä\\0'; exit 3`.nothrow()
  const answers = [await ask(user()), ...(await Promise.all([ask(user()), ask(user())]))]
  expect(runs()).toBe(1)
  for (const { stdout, stderr, exitCode } of answers) {
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: 'out\nä\0', stderr: 'problem\n', exitCode: 3 })
  }
  expect(lines.filter((line) => line === 'problem')).toHaveLength(3)
})

test('who asks while the question is under way waits for that answer', async () => {
  const { user, runs, folder } = machine()
  const ask = (host: Host) => host.$`echo x >> log; until [ -e go ]; do sleep 0.02; done; echo went`
  const first = ask(user())
  const second = ask(user())
  void first.catch(() => {})
  void second.catch(() => {})
  await until(() => runs() === 1)
  writeFileSync(join(folder, 'go'), '')
  expect([(await first).stdout, (await second).stdout]).toEqual(['went\n', 'went\n'])
  expect(runs()).toBe(1)
})

test('a failure fails for all of them', async () => {
  const { user, runs } = machine()
  const ask = (host: Host) =>
    host.$`echo x >> log; false`.then(
      () => 'ok',
      ({ exitCode }) => exitCode,
    )
  expect([await ask(user()), await ask(user())]).toEqual([1, 1])
  expect(runs()).toBe(1)
})

test('another folder, other variables, another machine, a secret or input make it another question', async () => {
  const { user, runs, folder } = machine()
  const { secret } = createVault()
  const ask = (host: Host) => host.$`echo x >> log`
  await ask(user())
  await ask(user(undefined, { env: { SITE: 'a' } }))
  await ask(user(undefined, { env: { SITE: 'b' } }))
  expect(runs()).toBe(3)
  await user().$({ cwd: `${folder}/.` })`echo x >> log`
  expect(runs()).toBe(4)
  for (let time = 0; time < 2; time++) await user().$`echo x >> log; : ${secret('s3cret-word')}`
  expect(runs()).toBe(6)
  const echoed = [(await user().$`echo x >> log; cat`).stdout]
  for (const input of ['one', 'two']) echoed.push((await user().$({ input })`echo x >> log; cat`).stdout)
  const piped = user().$`echo x >> log; cat`
  echoed.push((await user().$`sleep 0.1; echo three`.pipe(piped)).stdout)
  const written = user().$`echo x >> log; cat`
  written.stdin.end('four')
  echoed.push((await written).stdout, (await user().$`echo x >> log; cat`).stdout)
  expect(echoed).toEqual(['', 'one', 'two', 'three\n', 'four', ''])
  expect(runs()).toBe(11)
  const elsewhere = machine()
  await ask(elsewhere.user())
  expect(elsewhere.runs()).toBe(1)
})

test('the same user gets a new answer: it waits for a change', async () => {
  const { user, runs } = machine()
  const host = user()
  const other = user()
  await host.$`echo x >> log; wc -l < log`
  expect((await other.$`echo x >> log; wc -l < log`).stdout.trim()).toBe('1')
  expect((await host.$`echo x >> log; wc -l < log`).stdout.trim()).toBe('2')
  expect((await other.$`echo x >> log; wc -l < log`).stdout.trim()).toBe('3')
  expect(runs()).toBe(3)
})

test('while something changes nothing is shared, and nothing from before it afterwards', async () => {
  const { user, runs, looks } = machine()
  const ask = () => user().$`echo x >> log`
  await ask()
  const one = looks.changeBegins()
  const other = looks.changeBegins()
  await ask()
  await ask()
  one()
  one()
  await ask()
  expect(runs()).toBe(4)
  other()
  await ask()
  await ask()
  expect(runs()).toBe(5)
  looks.forget()
  await ask()
  expect(runs()).toBe(6)
})

test('an answer grows old', async () => {
  let now = 0
  const { user, runs } = machine(createLooks(() => now))
  const ask = () => user().$`echo x >> log`
  await ask()
  now = 9_999
  await ask()
  expect(runs()).toBe(1)
  now = 10_000
  await ask()
  expect(runs()).toBe(2)
})

test('when who asked first is stopped, the next asks for itself', async () => {
  const { user, runs, folder } = machine()
  const stop = new AbortController()
  const ask = (host: Host) => host.$`echo x >> log; until [ -e go ]; do sleep 0.02; done; echo went`
  const first = ask(user(stop.signal)).catch(() => 'stopped')
  await until(() => runs() === 1)
  const second = ask(user())
  void second.catch(() => {})
  stop.abort()
  expect(await first).toBe('stopped')
  await until(() => runs() === 2)
  writeFileSync(join(folder, 'go'), '')
  expect((await second).stdout).toBe('went\n')
})

test('who waits for an answer can be stopped, and the other goes on', async () => {
  const { user, runs, folder } = machine()
  const stop = new AbortController()
  const ask = (host: Host) => host.$`echo x >> log; until [ -e go ]; do sleep 0.02; done; echo went`
  const first = ask(user())
  void first.catch(() => {})
  await until(() => runs() === 1)
  const second = ask(user(stop.signal)).catch(() => 'stopped')
  stop.abort()
  expect(await second).toBe('stopped')
  writeFileSync(join(folder, 'go'), '')
  expect((await first).stdout).toBe('went\n')
  expect(runs()).toBe(1)
})

test('what is too long to be kept is asked again', async () => {
  const { user, runs } = machine()
  const ask = (host: Host) => host.$`echo x >> log; head -c 5000000 /dev/zero`.quiet()
  for (let time = 0; time < 2; time++) expect((await ask(user())).stdout.length).toBeGreaterThan(1_000_000)
  expect(runs()).toBe(2)
})

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(5)
}
