import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanText } from '../../lib/report/clean-line.ts'
import { builtBinary, runIn } from '../build/binary.ts'

/** What a node may print at somebody who looks: each would do something to a terminal, or hide what stands before it. */
const attacks = {
  clipboard: '\u001b]52;c;cm0gLXJmIH4K\u0007',
  title: '\u001b]0;pwned\u001b\\',
  clear: '\u001b[2J\u001b[H',
  'line above': '\u001b[1A\u001b[2K',
  'carriage return': 'failed\rdone  ',
  backspaces: 'failed\b\b\b\b\b\bdone  ',
  report: '\u001b[6n\u001b[c',
  'alternate screen': '\u001b[?1049h',
  'eight-bit control': '\u009b2J\u009d52;c;eA==\u009c',
  hyperlink: '\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\',
  unfinished: '\u001b]52;c;',
  'turned around': '\u202egnp.exe\u202c',
  bell: '\u0007\u0007',
} as const
const allOfThem = Object.entries(attacks).map(([name, text]) => `<${name} ${text}>`)

let lab: string
beforeAll(() => {
  builtBinary()
  lab = mkdtempSync(join(tmpdir(), 'kedge-terminal-'))
  writeFileSync(join(lab, 'said'), `${allOfThem.join('\n')}\n`)
  writeFileSync(join(lab, 'kedge.config.yaml'), config)
  // An own task can put what a node said into its verdict and into its failure.
  Bun.spawnSync(['mkdir', join(lab, 'tasks')])
  writeFileSync(join(lab, 'tasks', 'repeat.ts'), repeat)
}, 300_000)
afterAll(() => rmSync(lab, { recursive: true, force: true }))

const config = `version: 1
lab: terminal
extends: none
tasks:
  say: { on: hypervisor, sh: 'cat said; cat said >&2; false', check: 'cat said >&2; false' }
  repeat: { on: hypervisor }
`
const repeat = `import { pending, task } from 'kedge'
export default task({
  description: 'Repeats what it was told',
  async check({ $ }) {
    return pending('it said ' + (await $\`cat said\`).stdout)
  },
  async run({ $, say }) {
    const { stdout } = await $\`cat said\`
    say(stdout)
    throw new Error('it said ' + stdout)
  },
})
`

const kedge = (...words: string[]) =>
  runIn(lab, [builtBinary(), ...words], { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: lab })

/** What is left of a text for a terminal to obey, colours aside. */
const obeyed = (text: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what is looked for
  text.replace(/\u001b\[[0-9;]*m/g, '').match(/(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu) ?? []

test('nothing that a node printed is obeyed by the terminal of whoever looks, with whichever command', () => {
  const printed: Record<string, string> = {}
  const run = (...words: string[]) => {
    const { stdout, stderr, exitCode } = kedge(...words)
    const text = stdout + stderr
    printed[words.join(' ')] = text
    // It did say something.
    expect({ words, exitCode, isQuiet: text.length < 20 }).toEqual({ words, exitCode, isQuiet: false })
  }
  run('run', 'all', '--color', 'always')
  run('run', 'all', '-v')
  run('run', 'all', '--json')
  run('run', 'all', '--dry-run')
  run('plan')
  run('plan', '--json')
  run('status')
  run('status', '--json')
  run('report')
  for (const format of ['markdown', 'json', 'csv']) run('report', '--format', format)
  run('logs')
  run('logs', 'repeat@hypervisor')
  for (const [words, text] of Object.entries(printed))
    expect({ words, obeyed: obeyed(text) }).toEqual({ words, obeyed: [] })
  expect(printed.plan).toContain('clipboard')
  expect(printed.logs).toContain('<clipboard \ufffd]52;c;cm0gLXJmIH4K\ufffd>')
}, 300_000)

test('what it printed is kept as it was', () => {
  const runs = join(lab, '.kedge', 'terminal', 'runs')
  const log = readFileSync(join(runs, readdirSync(runs)[0] ?? '', 'say@hypervisor.log'), 'utf8')
  // Of a line that is drawn anew, as progress is, the last version counts.
  for (const line of allOfThem.filter((text) => !text.includes('\r'))) expect(log).toContain(line)
})

test('colours, tabs and line breaks are no attack', () => {
  const text = 'a\tb\n\u001b[1;31mred\u001b[0m\u001b[38:5:1m é 漢字 💥\n'
  expect(cleanText(text)).toBe(text)
  expect(cleanText('a\r\nb')).toBe('a\nb')
})
