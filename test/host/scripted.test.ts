import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TaskError } from '../../lib/event/failure.ts'
import { type Answer, type ScriptedCommand, scriptedConnection } from '../../lib/host/scripted.ts'
import { createVault } from '../../lib/host/secret.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { hostContract } from './contract.ts'

// Every command answered by what bash says to it: the script is then as good a host as any other.
hostContract({
  name: 'scripted, answering as bash does',
  runsProcesses: false,
  open: async () => scriptedConnection({ rules: [[/^/, answerAsBash]] }),
})

const bind = (connection: ReturnType<typeof scriptedConnection>) =>
  connection.bind({ signal: new AbortController().signal, onOutput: () => {} })

describe('scripted', () => {
  test('answers the same command differently from one time to the next, and records all of them', async () => {
    const connection = scriptedConnection({
      rules: [
        ['swapon', ['/swapfile\n', '']],
        [/^swapoff/, ''],
      ],
    })
    const { $ } = bind(connection)
    expect((await $`swapon`).stdout).toBe('/swapfile\n')
    await $`swapoff --all`
    expect((await $`swapon`).stdout).toBe('')
    expect((await $`swapon`).stdout).toBe('')
    expect(connection.commands).toEqual(['swapon', 'swapoff --all', 'swapon', 'swapon'])
  })

  test('an unexpected command fails with its text and what would have been answered, nothrow or not', async () => {
    const connection = scriptedConnection({ name: 'edge-1', rules: [['ls', '']] })
    const error = await bind(connection).$`rm -rf ${'/a b'}`.nothrow().catch((thrown) => thrown)
    expect(toFailure(error).message).toBe(
      "Error: Unexpected command on edge-1:\n  rm -rf '/a b'\nThe script answers:\n  ls",
    )
    expect(connection.unexpected).toEqual(["rm -rf '/a b'"])
  })

  test('shows stars in the record and the value to the rule', async () => {
    const seen: string[] = []
    const connection = scriptedConnection({
      rules: [['keadm join --token ***', ({ secrets }) => `${seen.push(...secrets)}`]],
    })
    await bind(connection).$`keadm join --token ${createVault().secret('tok.en')}`
    expect(seen).toEqual(['tok.en'])
  })

  test('loses the connection where the script says so', async () => {
    const error = new TaskError({ kind: 'unreachable', message: 'gone' })
    const connection = scriptedConnection({ rules: [['reboot', { error }]] })
    const thrown = await bind(connection).$`reboot`.nothrow().catch((each) => each)
    expect(toFailure(thrown)).toMatchObject({ kind: 'unreachable', message: 'gone' })
  })

  test('keeps files in memory, with the mode', async () => {
    const connection = scriptedConnection({ files: { '/etc/fstab': 'swap' } })
    const host = bind(connection)
    expect(await host.read('/etc/fstab')).toBe('swap')
    await host.write('/etc/fstab', '# swap', { mode: 0o600 })
    expect(connection.files.get('/etc/fstab')).toEqual({ content: Buffer.from('# swap'), mode: 0o600 })
  })
})

async function answerAsBash({ script, secrets, env, cwd, input }: ScriptedCommand): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-scripted-'))
  const names = [...new Set(script.match(/KEDGE_SECRET_\d+/g) ?? [])]
  await Bun.write(join(folder, 'script'), script)
  const bash = Bun.spawn(['bash', join(folder, 'script')], {
    stdin: Buffer.from(input),
    env: { ...process.env, ...env, ...Object.fromEntries(names.map((name, index) => [name, secrets[index] ?? ''])) },
    ...(cwd === undefined ? {} : { cwd }),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([bash.stdout.text(), bash.stderr.text(), bash.exited])
  rmSync(folder, { recursive: true })
  return bash.signalCode
    ? { stdout, stderr, signal: bash.signalCode as NodeJS.Signals }
    : { stdout, stderr, exitCode: bash.exitCode ?? 0 }
}
