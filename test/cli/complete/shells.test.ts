import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noNativeAddons } from '../../../build/no-native-addons.ts'
import { validator } from '../../../build/validator.ts'
import { labFolder, runs } from './lab-folder.ts'

// Each tab starts kedge, and the machine may be busy.
setDefaultTimeout(180_000)
const patienceSeconds = 60

/** How each shell is set up by its user; `rc` and `script`, what kedge prints, lie in their home. The prompt is `> `. */
const shells = {
  bash: {
    command: ['bash', '-i'],
    rc: '.bashrc',
    setUp: `PS1='> '\nsource ~/kedge.bash\n`,
    script: { of: 'bash', file: 'kedge.bash' },
  },
  'bash with bash-completion': {
    command: ['bash', '-i'],
    rc: '.bashrc',
    setUp: `PS1='> '\nsource /usr/share/bash-completion/bash_completion\nsource ~/kedge.bash\n`,
    script: { of: 'bash', file: 'kedge.bash' },
  },
  zsh: {
    command: ['zsh', '-i'],
    rc: '.zshrc',
    setUp: `PS1='> '\nsource ~/kedge.zsh\n`,
    script: { of: 'zsh', file: 'kedge.zsh' },
  },
  fish: {
    command: ['fish', '-i'],
    rc: '.config/fish/config.fish',
    setUp: `function fish_prompt; echo -n '> '; end\nset -g fish_greeting\nset -g fish_autosuggestion_enabled 0\n`,
    script: { of: 'fish', file: '.config/fish/completions/kedge.fish' },
  },
} as const
type Shell = keyof typeof shells

const folder = labFolder()
const home = join(folder, 'home')
afterAll(() => rmSync(folder, { recursive: true }))

/** From its source kedge takes a second to start, and there are many keys to press: bundled it is as quick as it is compiled. */
beforeAll(async () => {
  const plugins = [noNativeAddons, validator]
  const entrypoints = [join(import.meta.dir, '../../../lib/cli/main.ts')]
  await Bun.build({ entrypoints, plugins, outdir: join(home, 'lib'), target: 'bun', splitting: true })
  mkdirSync(join(home, 'bin'), { recursive: true })
  writeFileSync(join(home, 'bin/kedge'), `#!/bin/sh\nexec ${process.execPath} ${home}/lib/main.js "$@"\n`, {
    mode: 0o755,
  })
})

/** A terminal, in the folder of the lab, with kedge in its PATH; each test has a shell of its own in it. */
function openTerminal(shell: Shell) {
  const { command, rc, setUp, script } = shells[shell]
  const env = {
    PATH: `${home}/bin:/usr/bin:/bin`,
    HOME: home,
    LC_ALL: 'C.UTF-8',
    TERM: 'xterm-256color',
    SHELL: '/bin/sh',
  }
  mkdirSync(join(home, rc, '..'), { recursive: true })
  mkdirSync(join(home, script.file, '..'), { recursive: true })
  writeFileSync(join(home, rc), setUp)
  const { stdout } = Bun.spawnSync([join(home, 'bin/kedge'), 'completion', script.of], { env })
  writeFileSync(join(home, script.file), stdout)

  const socket = `kedge-complete-${process.pid}-${shell.replaceAll(' ', '-')}`
  const tmux = (...args: string[]): string => {
    const all = ['tmux', '-L', socket, '-f', '/dev/null', ...args]
    const { exitCode, stdout, stderr } = Bun.spawnSync(all, { env, cwd: folder })
    if (exitCode !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`)
    return stdout.toString()
  }
  const screen = () => tmux('capture-pane', '-p').trimEnd()
  const until = async (isWanted: (shown: string) => boolean): Promise<string> => {
    const end = Date.now() + patienceSeconds * 1000
    while (!isWanted(screen()) && Date.now() < end) await Bun.sleep(20)
    return screen()
  }
  // Too narrow for two runs beside each other: the order of columns would be the shell's.
  tmux('new-session', '-d', '-x', '100', '-y', '40', 'cat')
  return {
    /** Types into a new shell, a tab for each `⇥`; resolves to the screen once it is as wanted, or as it is after long. */
    async type(text: string, wanted: RegExp) {
      tmux('respawn-pane', '-k', ...command)
      await until((shown) => shown.endsWith('>'))
      for (const part of text.split(/(⇥)/).filter((each) => each !== ''))
        tmux('send-keys', ...(part === '⇥' ? ['Tab'] : ['-l', '--', part]))
      return until((shown) => wanted.test(shown))
    },
    end() {
      const path = tmux('display-message', '-p', '#{socket_path}').trim()
      tmux('kill-server')
      rmSync(path, { force: true })
    },
  }
}

/** Typed, and how the line stands then: the same in every shell, but that zsh takes a slash back before a space. */
const lines: readonly (readonly [typed: string, becomes: RegExp])[] = [
  ['kedge run jo⇥e⇥', /^> kedge run join-edge$/m],
  ['kedge logs join-edge@⇥1⇥', /^> kedge logs join-edge@edge-1$/m],
  ['kedge report --format=mar⇥', /^> kedge report --format=markdown$/m],
  ['kedge run tru⇥--on ed⇥2⇥--sk⇥veri⇥', /^> kedge run trust-ca --on edge-2 --skip verify$/m],
  ['kedge -c my⇥run only-h⇥', /^> kedge -c my\\ lab\.yaml run only-here$/m],
  ["kedge -c 'my lab.yaml' run only-t⇥", /^> kedge -c 'my lab\.yaml' run only-there$/m],
  ['kedge --state els⇥ report --run 2⇥', /^> kedge --state elsewhere\/? report --run 20250101-000000-dddd$/m],
]

describe.each(Object.keys(shells) as Shell[])('in %s', (shell) => {
  let terminal: ReturnType<typeof openTerminal>
  beforeAll(() => {
    terminal = openTerminal(shell)
  })
  afterAll(() => terminal?.end())

  test.each(shell === 'bash with bash-completion' ? lines.slice(1, 3) : lines)('%s', async (typed, becomes) => {
    expect(await terminal.type(typed, becomes)).toMatch(becomes)
  })

  test('runs are listed newest first, in zsh and fish with date and result', async () => {
    const [oldest = '', middle = '', newest = ''] = runs
    // bash lists when a tab adds nothing, and the first one adds what all have in common.
    const tabs = shell.startsWith('bash') ? '⇥⇥⇥' : '⇥⇥'
    const screen = await terminal.type(`kedge report --run ${tabs}`, new RegExp(oldest))
    expect(screen.indexOf(newest)).toBeLessThan(screen.indexOf(middle))
    expect(screen.indexOf(middle)).toBeLessThan(screen.indexOf(oldest))
    if (!shell.startsWith('bash')) expect(screen).toMatch(/bbbb.*2026-11-21 11:30:00 UTC, ok/)
  })

  test('a lab file that cannot be read is no reason for a word', async () => {
    const screen = await terminal.type('kedge -c broken.yaml run jo⇥in', /join$/)
    expect(screen).toBe('> kedge -c broken.yaml run join')
  })
})
