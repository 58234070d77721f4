import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { anchor } from '../../build/reference/markdown.ts'
import { runHere } from '../../build/run-here.ts'
import { tasks } from '../../tasks/index.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { commandsIn } from './commands-in-text.ts'
import { complaintAbout, knownCommands } from './known-commands.ts'

const root = join(import.meta.dir, '../..')
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')
const files = [
  'README.md',
  'ARCHITECTURE.md',
  'SECURITY.md',
  ...[...new Bun.Glob('docs/**/*.md').scanSync(root)].sort(),
]
const known = await knownCommands()

/** Tasks of the examples' own, and of the README's sample files. */
const own = ['fetch-model', 'apply-devices', 'apply-workloads', 'make-frame-folder', 'trust-private-ca']
const isTask = (name: string) => name in tasks || own.includes(name) || name === 'all' || /^[A-Z]/.test(name)

describe.each(files)('%s', (file) => {
  test('each command of kedge’s that it names exists, with its options', () => {
    const wrong = commandsIn(textOf(file)).flatMap(({ words, line }) => {
      const complaint = complaintAbout(words, known)
      return complaint ? [`${file}:${line}: kedge ${words.join(' ')}: ${complaint}`] : []
    })
    expect(wrong).toEqual([])
  })

  test('each task that it runs exists', () => {
    const wrong = commandsIn(textOf(file)).flatMap(({ words, line }) => {
      if (words[0] !== 'run') return []
      const end = words.findIndex((word) => word.startsWith('-'))
      return words
        .slice(1, end < 0 ? undefined : end)
        .filter((name) => !isTask(name) && !/^[[<…]/.test(name))
        .map((name) => `${file}:${line}: ${name}`)
    })
    expect(wrong).toEqual([])
  })

  test('each file that it links to is there, with the heading that is named', () => {
    const wrong = [...textOf(file).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^https?:/.test(link)) return []
      const [path = '', heading] = link.split('#')
      const target = path === '' ? file : join(dirname(file), path)
      if (!existsSync(join(root, target))) return [link]
      if (heading === undefined) return []
      const headings = [...textOf(target).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => anchor(text))
      return headings.includes(heading) ? [] : [link]
    })
    expect(wrong).toEqual([])
  })
})

describe('what a newcomer goes by', () => {
  test('README names the commands that CI runs, and the way from clone to report', () => {
    const readme = textOf('README.md')
    for (const command of ['npm run lab ', 'npm test ', 'npm run build ', 'npm run load ', 'npm run crash ']) {
      expect(readme).toMatch(new RegExp(`^${command}`, 'm'))
      expect(JSON.parse(textOf('package.json')).scripts).toHaveProperty([command.replace(/^npm (run )?/, '').trim()])
    }
    const way = ['init', 'plan --offline', 'bundle create', 'doctor', 'run all', 'verify', 'report --format html']
    const places = way.map((words) => readme.indexOf(`./kedge ${words}`))
    expect(places.every((place, index) => place > (places[index - 1] ?? 0))).toBe(true)
  })

  test('the lab file that README shows is one', async () => {
    const shown = [...textOf('README.md').matchAll(/```yaml\n(version: 1\n[\s\S]+?)```/g)].map(([, text = '']) => text)
    expect(shown.length).toBe(1)
    for (const text of shown) {
      const folder = temporaryFolder()
      writeFileSync(join(folder, 'kedge.config.yaml'), text)
      expect(await runHere(folder, ['plan', '--offline'])).toMatchObject({ exitCode: 0, stderr: '' })
    }
  })

  test('what troubleshooting quotes of kedge and of the programs is what they say', () => {
    const rows = [...textOf('docs/troubleshooting.md').matchAll(/^\| ([^|]+) \| [^|]+ \| [^|]+ \|$/gm)].slice(1)
    expect(rows.length).toBeGreaterThan(25)
    const sources = ['lib/**/*.ts', 'test/fixtures/failures/*.txt'].flatMap((glob) => [
      ...new Bun.Glob(glob).scanSync(root),
    ])
    const said = sources.map(textOf).join('\n').toLowerCase()
    const quoted = rows.flatMap(([, seen = '']) => [...seen.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text))
    const wrong = quoted
      .filter((text) => !/^(?:kedge\b|kedge\.config\.yaml:|NotReady|Unknown|tcg|ImagePullBackOff)/.test(text))
      .flatMap((text) => text.split('…'))
      .map((text) => text.trim().replace(/[:,]$/, '').toLowerCase())
      .filter((text) => !said.includes(text))
    expect(wrong).toEqual([])
  })
})

describe('the reader of texts', () => {
  test('finds commands in fences, blocks and spans, and leaves other words alone', () => {
    const text =
      'Say `kedge plan` or `kedge`.\n\n    ./kedge run all -v   # go\n\n```sh\ncd x && kedge plan --json | head > y\n```\nkedge is fine\n'
    expect(commandsIn(text).map(({ words }) => words.join(' '))).toEqual(['plan', 'run all -v', 'plan --json'])
  })

  test.each([
    ['plam', 'there is no command plam'],
    ['run all --no-such', 'kedge run has no option --no-such'],
    ['bundle make', 'there is no command bundle make'],
    ['-c x.yaml plan --format dot', 'kedge plan has no option --format'],
  ])('kedge %s is found to be wrong', (words, complaint) => {
    expect(complaintAbout(words.split(' '), known)).toBe(complaint)
  })

  test.each([
    '-c x.yaml plan',
    'bundle create -o x --dry-run',
    'ssh edge-1 -- ls -la',
    'kubectl get -A pods',
    'run all -q',
  ])('kedge %s is right', (words) => expect(complaintAbout(words.split(' '), known)).toBeUndefined())
})
