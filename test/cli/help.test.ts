import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { placeAt } from '../../lib/cli/complete/place.ts'
import { defineProgram } from '../../lib/cli/define-program.ts'
import { openingMagic } from '../../lib/pack/pack-format.ts'
import { tasks } from '../../tasks/index.ts'
import { everyCommand } from './every-command.ts'

const silent = { write() {}, error() {} }
const everything = await everyCommand()

describe.each(everything.map(({ words, help }) => [`kedge ${words.join(' ')}`.trim(), words, help] as const))(
  '%s --help',
  (name, words, help) => {
    const examples = /\nExamples?:\n((?: {2}\S.*\n)+)/.exec(help)?.[1]?.trimEnd().split('\n') ?? []

    test('has examples', () => expect(examples.length).toBeGreaterThan(0))

    test('whose words and options all exist', async () => {
      for (const example of examples) {
        // What the shell does with it, before or after, is not kedge's.
        const line = example.replace(/ [>|&].*$/, '').trim()
        const [first = '', ...rest] = /\bkedge [^)']*/.exec(line)?.[0]?.split(/\s+/) ?? []
        expect({ example, first }).toEqual({ example, first: 'kedge' })
        const { command } = placeAt(await defineProgram(rest, silent), rest, '')
        if (words.length > 0 && !rest.includes('help')) expect(example).toContain(name.slice('kedge '.length))
        if (command.name() === 'kubectl') continue
        const known = ['--help', '--', ...flagsOf(command)]
        const own = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest
        for (const word of own.filter((each) => each.startsWith('-'))) expect(known).toContain(word.replace(/=.*/, ''))
      }
    })
  },
)

function flagsOf(command: Awaited<ReturnType<typeof defineProgram>>): readonly string[] {
  const own = command.options.flatMap(({ long, short }) => [long ?? '', short ?? ''])
  return command.parent ? [...own, ...flagsOf(command.parent)] : own
}

describe('kedge help', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-help-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const kedge = (...words: string[]) => runHere(folder, words)

  test('of a built-in task: what it does, where, after what, what it checks and changes, how long it may take', async () => {
    const { stdout, exitCode } = await kedge('help', 'join-edge')
    expect(exitCode).toBe(0)
    expect(stdout).toBe(`join-edge: Join the edge to CloudCore on its own LAN, and wait until its node is Ready

runs on    edge: edge-1, edge-2
needs      disable-swap, install-edgecore, load-kubeedge-images, send-token
needed by  verify
phase      installation, step 12 of 12
timeout    10 min 00 s for an attempt, tried again 2 times where waiting can help
checks     edgecore runs as the file says, its certificate has not ended, and its node is Ready, of
           the right version and with its labels; no token is left on it
changes    resets what a cut-off join left, joins with keadm, brings edgecore.yaml to what the file
           says, waits until the node is Ready, labels it

Examples:
  kedge run join-edge
  kedge plan join-edge
  kedge logs join-edge@edge-1
`)
  })

  test('of a command as its --help, and of a task of the same name on request', async () => {
    const { stdout } = await kedge('help', 'verify')
    expect(stdout).toStartWith((await kedge('verify', '--help')).stdout)
    expect(stdout).toEndWith('kedge help --task verify\n')
    expect((await kedge('help', '--task', 'verify')).stdout).toContain(tasks.verify?.checks?.slice(0, 40) ?? '?')
    expect((await kedge('help', 'bundle', 'create')).stdout).toBe((await kedge('bundle', 'create', '--help')).stdout)
    expect((await kedge('help')).stdout).toBe((await kedge('--help')).stdout)
    // Here a --help would be kubectl's.
    expect((await kedge('help', 'kubectl')).stdout).toContain('kedge kubectl get nodes')
  })

  test('of own tasks, in a file and as a line, as this lab has them', async () => {
    mkdirSync(join(folder, 'tasks'), { recursive: true })
    writeFileSync(
      join(folder, 'tasks/trust-ca.ts'),
      `import { done, task } from 'kedge'
export default task({
  description: 'Trust the CA',
  checks: 'the CA is trusted',
  check: async () => done,
  run: async () => {},
})
`,
    )
    writeFileSync(join(folder, 'tasks/never-run.js'), 'throw new Error("a script that help must not run")\n')
    writeFileSync(
      join(folder, 'lab.yaml'),
      `version: 1
lab: own
extends: none
tasks:
  trust-ca: { on: hypervisor, timeout: 90s, retries: 1, env: { LEVEL: 3 } }
  fetch: { on: hypervisor, needs: [trust-ca], sh: 'touch a', check: 'test -e a' }
  never-run: { on: hypervisor }
`,
    )
    const help = async (name: string) => (await kedge('-c', 'lab.yaml', 'help', name)).stdout
    const own = await help('trust-ca')
    expect(own).toMatch(/^trust-ca: Trust the CA\n/)
    expect(own).toMatch(/^checks +the CA is trusted$/m)
    expect(own).toMatch(/^timeout +1 min 30 s for an attempt, tried again once where waiting can help$/m)
    expect(own).toMatch(/^needed by +fetch$/m)
    expect(own).toMatch(/^variables +LEVEL$/m)
    expect(own).toMatch(/^code +.*tasks\/trust-ca\.ts$/m)
    const line = await help('fetch')
    expect(line).toMatch(/^checks +`test -e a` ends with 0$/m)
    expect(line).toMatch(/^changes +runs `touch a`$/m)
    expect(await help('never-run')).toMatch(/^never-run: /)
  })

  test('of own tasks that a pack carries, which can be completed too', async () => {
    // Nothing of it is run: an executable in which the word stands that every kedge has in it will do.
    const executable = readFileSync('/usr/bin/true')
    executable.write(openingMagic, 8192, 'latin1')
    writeFileSync(join(folder, 'like-kedge'), executable)
    const made = await runHere(folder, ['-c', 'lab.yaml', 'pack', '-o', 'kedge-lab', '--executable', 'like-kedge'])
    expect(made).toMatchObject({ exitCode: 0 })
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(elsewhere)
    const inPack = (...words: string[]) => runHere(elsewhere, words, { execPath: join(folder, 'kedge-lab') })
    expect((await inPack('__complete', 'fish', 'run', '')).stdout).toContain('trust-ca\town task\n')
    // Whoever completes leaves nothing behind.
    expect(readdirSync(elsewhere)).toEqual([])
    expect((await inPack('help', 'trust-ca')).stdout).toStartWith('trust-ca: Trust the CA\n')
  })
})
