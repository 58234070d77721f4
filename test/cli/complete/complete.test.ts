import { afterAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { runHere } from '../../../build/run-here.ts'
import { placeholderOf, sources } from '../../../lib/cli/complete/values.ts'
import { base } from '../../topology/known.ts'
import { everyCommand } from '../every-command.ts'
import { labFolder, runs } from './lab-folder.ts'

const folder = labFolder()
/** In the order of the file, as kedge lists them everywhere. */
const builtIn = Object.keys((parse(base) as { tasks: object }).tasks)
afterAll(() => rmSync(folder, { recursive: true }))

/** What fish would get: the kind of the answer, and the candidates with what is said about each. */
async function asked(cwd: string, ...words: readonly string[]) {
  const { stdout, stderr, exitCode } = await runHere(cwd, ['__complete', 'fish', ...words])
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  const [kind, ...lines] = stdout.trimEnd().split('\n')
  return { kind, lines, values: lines.map((line) => line.split('\t')[0] as string) }
}
const values = async (...words: readonly string[]) => (await asked(folder, ...words)).values

describe('what can come next', () => {
  test('commands, with what they do, none of them hidden', async () => {
    const { lines, values: found } = await asked(folder, '')
    expect(lines).toContain('run\tbring tasks, and what they need, to done')
    expect(found).toEqual(expect.arrayContaining(['plan', 'bundle', 'completion', 'help', 'doctor']))
    expect(found.filter((value) => value.startsWith('_'))).toEqual([])
    expect(await values('bundle', '')).toEqual(['create', 'verify', 'show', 'prove', 'detach'])
  })

  test('options of the command and those for every command, each once, with what they do', async () => {
    const { lines } = await asked(folder, 'run', '-')
    expect(lines).toContain('--on\tthe named tasks on these nodes only, with what they need')
    expect(await values('run', '--')).toEqual(expect.arrayContaining(['--skip', '--config', '-c', '--quiet', '--help']))
    expect(await values('run', '--force', '--on', 'edge-1', '--')).not.toContain('--force')
    expect(await values('run', '--force', '--on', 'edge-1', '--')).toContain('--on')
    expect(await values('-q', 'run', '--')).not.toContain('--quiet')
    expect(await values('run', '--force', 'all', '--', '--')).not.toContain('--on')
  })

  test('tasks, built-in and own, with what they do; what is named already is not offered again', async () => {
    const { lines, values: found } = await asked(folder, 'run', '')
    expect(found).toEqual(['all', ...builtIn, 'trust-ca', 'fetch-model'])
    expect(lines).toContain('disable-swap\tTurn swap off, now and at every boot')
    expect(lines).toContain('trust-ca\town task')
    expect(lines).toContain('fetch-model\tcp /media/model.bin /opt/')
    expect(await values('run', 'verify', '')).not.toContain('verify')
    expect(await values('run', 'all', '--skip', '')).toEqual(expect.arrayContaining(['verify', 'trust-ca']))
    expect(await values('run', 'all', '--skip', 'verify', '')).not.toContain('verify')
    expect(await values('plan', '')).toContain('join-edge')
    expect(await values('help', '')).toEqual(expect.arrayContaining(['run', 'join-edge', 'trust-ca']))
  })

  test('nodes, with role and address; the hypervisor where a task runs there', async () => {
    const { lines } = await asked(folder, 'run', 'all', '--on', '')
    expect(lines).toEqual([
      'hypervisor\twhere the VMs run',
      'master\tcontrol-plane, 192.168.22.10',
      'worker\tworker, 192.168.22.11',
      'edge-1\tedge, 192.168.22.21',
      'edge-2\tedge, 192.168.22.22',
    ])
    expect(await values('run', 'all', '--on', 'edge-1', '')).not.toContain('edge-1')
    for (const words of [['ssh'], ['why'], ['destroy', '--node'], ['verify', '--on']])
      expect({ words, found: await values(...words, '') }).toEqual({
        words,
        found: ['master', 'worker', 'edge-1', 'edge-2'],
      })
    expect(await values('ssh', 'edge-1', '--', '')).toEqual([])
  })

  test('runs, newest first, with date and result', async () => {
    const expected = [
      `${runs[2]}\t2026-11-22 08:00:00 UTC, without an end`,
      `${runs[1]}\t2026-11-21 11:30:00 UTC, ok`,
      `${runs[0]}\t2026-11-21 10:15:00 UTC, failed`,
    ]
    expect((await asked(folder, 'report', '--run', '')).lines).toEqual(expected)
    expect((await asked(folder, 'logs', '--run', '')).lines).toEqual(expected)
    expect(await values('report', '--against', '')).toEqual(runs.toReversed())
  })

  test('for logs a task, and its nodes once it is clear which one', async () => {
    expect(await values('logs', 'jo')).not.toContain('join-edge@edge-1')
    expect(await values('logs', 'join-e')).toEqual(
      expect.arrayContaining(['join-edge', 'join-edge@edge-1', 'join-edge@edge-2']),
    )
    expect(await values('logs', 'join-edge@')).toEqual(['join-edge@edge-1', 'join-edge@edge-2'])
    expect(await values('logs', 'trust-ca@')).toEqual(['trust-ca@edge-1', 'trust-ca@edge-2'])
    expect(await values('logs', 'no-such@')).toEqual([])
  })

  test('formats and other words that are given, also after =', async () => {
    expect(await values('report', '--format', '')).toEqual(expect.arrayContaining(['table', 'markdown', 'html']))
    expect(await values('report', '--format=')).toContain('--format=json')
    expect(await values('--color', '')).toEqual(['auto', 'always', 'never'])
    expect(await values('schema', '')).toEqual(['lab', 'bundle'])
    expect(await values('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(await values('bundle', 'create', '--arch', 'amd64', '')).toEqual(['arm64'])
    expect(await values('run', '--no-such=')).toEqual([])
  })

  test('files and folders, which the shell names', async () => {
    expect((await asked(folder, '-c', '')).kind).toBe('files')
    expect((await asked(folder, 'run', '--config=')).kind).toBe('files')
    expect((await asked(folder, '--state', '')).kind).toBe('folders')
    expect((await asked(folder, 'bundle', 'show', '')).kind).toBe('files')
    expect((await asked(folder, 'bundle', 'create', '--from', 'a', '')).kind).toBe('files')
    expect((await asked(folder, 'pack', '--sign', '')).kind).toBe('files')
  })

  test('nothing of what is meant for kubectl, or of what is unknown', async () => {
    expect(await values('kubectl', 'get', '-')).toEqual([])
    expect(await values('no-such-command', '')).not.toContain('join-edge')
    expect(await values('run', '--jobs', '')).toEqual([])
  })
})

describe('which lab is meant', () => {
  test('the one of -c and --state, wherever they stand, also with ~ and =', async () => {
    const only = ['all', 'only-here', 'only-there']
    expect(await values('-c', 'my lab.yaml', 'run', '')).toEqual(only)
    expect(await values('run', '-cmy lab.yaml', '')).toEqual(only)
    expect(await values('run', '--config=my lab.yaml', '')).toEqual(only)
    expect(await values('--state', 'elsewhere', 'report', '--run', '')).toEqual(['20250101-000000-dddd'])
    expect(await values('--state', 'plan', 'run', '--on', '')).toContain('edge-1')
  })

  test('in a sub-folder the one that kedge would work on there', async () => {
    const { values: found } = await asked(join(folder, 'sub'), 'run', '')
    expect(found).toEqual(['all', ...builtIn, 'trust-ca', 'fetch-model'])
    expect((await asked(join(folder, 'sub'), '-c', '../kedge.config.yaml', 'run', '')).values).toContain('trust-ca')
    expect((await asked(join(folder, 'sub'), '-c', '../kedge.config.yaml', 'report', '--run', '')).values).toEqual(
      runs.toReversed(),
    )
  })

  test('one that cannot be read is no reason for a word', async () => {
    expect(await asked(folder, '-c', 'broken.yaml', 'run', '')).toMatchObject({ kind: 'words', values: [] })
    expect(await asked(folder, '-c', 'no-such.yaml', 'run', '')).toMatchObject({ kind: 'words', values: [] })
    expect(await values('-c', 'broken.yaml', 'run', '--f')).toContain('--force')
  })
})

describe('as each shell wants it', () => {
  const bash = async (line: string) =>
    (await runHere(folder, ['__complete', 'bash', line, ' \t\n"\'@><=;|&(:'])).stdout.trimEnd().split('\n').slice(1)

  test('bash gets what fits, from where readline begins its word', async () => {
    expect(await bash('kedge run jo')).toEqual(['join-worker', 'join-edge'])
    expect(await bash('kedge logs join-edge@')).toEqual(['@edge-1', '@edge-2'])
    expect(await bash('kedge logs join-edge@edge-2')).toEqual(['@edge-2'])
    expect(await bash('kedge report --format=j')).toEqual(['json', 'junit'])
    expect(await bash('./kedge  -c my\\ lab.yaml run only-h')).toEqual(['only-here'])
    expect(await bash("kedge -c 'my lab.yaml' run \"only-t")).toEqual(['only-there'])
    expect(await bash('kedge -c "my lab.yaml" run only-h"er')).toEqual(['ere'])
  })

  test('zsh gets its colons escaped', async () => {
    const { stdout } = await runHere(folder, ['__complete', 'zsh', 'report', '--run', ''])
    expect(stdout).toContain(`${runs[1]}:2026-11-21 11:30:00 UTC, ok\n`)
  })
})

test('every value that any command takes can be completed, or is one that kedge cannot know', async () => {
  const unknowable = ['n', 'seconds', 'name', 'name=url', 'registry=host', 'command', 'words']
  const known = [...Object.keys(sources), ...unknowable]
  const strange = (await everyCommand()).flatMap(({ words, command }) =>
    [...command.options.filter(({ required, optional }) => required || optional), ...command.registeredArguments]
      .filter((part) => !part.argChoices && !known.includes(placeholderOf(part)))
      .map((part) => `${words.join(' ')}: ${placeholderOf(part)}`),
  )
  expect(strange).toEqual([])
})
