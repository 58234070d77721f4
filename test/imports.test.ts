import { expect, test } from 'bun:test'
import { dirname, join, relative } from 'node:path'

const root = join(import.meta.dir, '..')

/** Which folder may import which; a folder may always import itself. Nobody imports cli. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'lib/topology': [],
  'lib/event': [],
  'lib/host': ['lib/event'],
  'lib/task': ['lib/topology', 'lib/host', 'lib/event'],
  'lib/own-task': ['lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/bundle': ['lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/pack': ['lib/bundle', 'lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/isolation': ['lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/machine': ['lib/bundle', 'lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/runtime': ['lib/bundle', 'lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/distribution': ['lib/runtime', 'lib/bundle', 'lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  'lib/kubeedge': [
    'lib/distribution',
    'lib/runtime',
    'lib/bundle',
    'lib/task',
    'lib/topology',
    'lib/host',
    'lib/event',
  ],
  'lib/verify': [
    'lib/kubeedge',
    'lib/distribution',
    'lib/runtime',
    'lib/bundle',
    'lib/task',
    'lib/topology',
    'lib/host',
    'lib/event',
  ],
  'lib/diagnose': [
    'lib/kubeedge',
    'lib/distribution',
    'lib/runtime',
    'lib/task',
    'lib/topology',
    'lib/host',
    'lib/event',
  ],
  'lib/doctor': [
    'lib/kubeedge',
    'lib/distribution',
    'lib/machine',
    'lib/bundle',
    'lib/report',
    'lib/topology',
    'lib/task',
    'lib/host',
    'lib/event',
  ],
  'lib/firewall': ['lib/kubeedge', 'lib/task', 'lib/topology', 'lib/host', 'lib/event'],
  tasks: [
    'lib/host',
    'lib/task',
    'lib/runtime',
    'lib/distribution',
    'lib/kubeedge',
    'lib/verify',
    'lib/firewall',
    'lib/machine',
    'lib/bundle',
  ],
  'lib/plan': ['lib/topology', 'lib/task'],
  'lib/run': ['lib/plan', 'lib/task', 'lib/host', 'lib/event', 'lib/topology', 'lib/bundle'],
  'lib/report': ['lib/event'],
}

/** Each npm package, and `bun:sqlite`, has one home, so that a replacement costs one folder. */
const homes: Readonly<Record<string, readonly string[]>> = {
  yaml: ['lib/topology'],
  ajv: ['lib/topology', 'build'],
  typebox: ['lib/topology'],
  zx: ['lib/host'],
  ssh2: ['lib/host'],
  'bun:sqlite': ['lib/event'],
  commander: ['lib/cli'],
}

const folderOf = (file: string) =>
  (file.startsWith('lib/') ? file.split('/').slice(0, 2).join('/') : file.split('/')[0]) as string

async function importsOf(file: string): Promise<readonly string[]> {
  const source = await Bun.file(join(root, file)).text()
  return new Bun.Transpiler({ loader: 'ts' }).scanImports(source).map(({ path }) => path)
}

const files = [...new Bun.Glob('{lib,tasks,build}/**/*.ts').scanSync(root)]
  .filter((file) => !file.endsWith('.d.ts'))
  .sort()

function complaint(file: string, path: string): string | undefined {
  const from = folderOf(file)
  if (path.startsWith('.')) {
    const target = relative(root, join(root, dirname(file), path))
    const to = folderOf(target)
    if (!target.endsWith('.ts') || to === from || from === 'lib/cli' || from === 'build') return undefined
    // A task's neighbour is not its business; the list alone names them all.
    return allowed[from]?.includes(to) ? undefined : `${file} imports ${target}`
  }
  const name = path.startsWith('bun:') ? path : path.split('/')[0] === '@' ? path : (path.split('/')[0] as string)
  const home = homes[name]
  if (home) return home.includes(from) ? undefined : `${file} imports ${path}, whose home is ${home.join(', ')}`
  const isRuntime = path.startsWith('node:') || path === 'bun' || path === 'kedge'
  return isRuntime ? undefined : `${file} imports ${path}, which has no home`
}

test('files were found', () => expect(files.length).toBeGreaterThan(100))

test('data flows one way: every import goes where the rules allow', async () => {
  const complaints: string[] = []
  for (const file of files)
    for (const path of await importsOf(file))
      complaints.push(...(complaint(file, path) ? [complaint(file, path) as string] : []))
  expect(complaints).toEqual([])
})

test('tasks do not import each other', async () => {
  for (const file of files.filter((name) => name.startsWith('tasks/') && name !== 'tasks/index.ts')) {
    for (const path of await importsOf(file)) expect(`${file} ${path}`).not.toMatch(/ \.\//)
  }
})

/** Programs: the kedge that is typed, and the process that it starts for an own task. */
const programs = ['lib/cli/main.ts', 'lib/own-task/child/main.ts']

test('only report and cli write to the terminal, only main.ts knows the process', async () => {
  for (const file of files.filter((name) => !name.startsWith('build/'))) {
    const source = (await Bun.file(join(root, file)).text()).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    const inMain = programs.includes(file)
    const words = source.match(/\bconsole\.\w+\(|process\.(argv|exit|exitCode|stdout|stderr|env)\b/g) ?? []
    expect({ file, words: inMain ? [] : words }).toEqual({ file, words: [] })
  }
})

test('a forbidden import is noticed', () => {
  expect(complaint('lib/topology/a.ts', '../host/local.ts')).toBeDefined()
  expect(complaint('lib/run/a.ts', 'ssh2')).toBeDefined()
  expect(complaint('lib/report/a.ts', 'left-pad')).toBeDefined()
  expect(complaint('lib/run/a.ts', '../plan/plan.ts')).toBeUndefined()
})
