import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Each task runs `true`, and waits for those of these numbers. */
export type Graph = { readonly count: number; readonly needs: (task: number) => readonly number[] }

export const independent = (count: number): Graph => ({ count, needs: () => [] })
export const chain = (count: number): Graph => ({ count, needs: (task) => (task === 0 ? [] : [task - 1]) })

type Writer = (graph: Graph) => Readonly<Record<string, string>>

const names = ({ count }: Graph) => Array.from({ length: count }, (_, task) => `t${task}`)
const needsOf = (graph: Graph, task: number) => graph.needs(task).map((need) => `t${need}`)

const kedge =
  (work: string): Writer =>
  (graph) => ({
    'kedge.config.yaml': `version: 1\nlab: bench\nextends: none\ntasks:\n${names(graph)
      .map((name, task) => `  ${name}: { on: hypervisor, ${work}, needs: [${needsOf(graph, task).join(', ')}] }\n`)
      .join('')}`,
    'true.ts': "import { $ } from 'zx'\n\nawait $`true`\n",
  })

/** The files of one graph for each program, by their paths. */
const writers = {
  kedge: kedge("sh: 'true'"),
  'kedge, zx scripts': kedge('script: ./true.ts'),
  ninja: (graph) => ({
    'build.ninja': `rule true\n  command = true\n${names(graph)
      .map((name, task) => `build ${name}: true ${needsOf(graph, task).join(' ')}\n`)
      .join('')}`,
  }),
  make: (graph) => ({
    Makefile: `.PHONY: all ${names(graph).join(' ')}\nall: ${names(graph).join(' ')}\n${names(graph)
      .map((name, task) => `${name}: ${needsOf(graph, task).join(' ')}\n\t@true\n`)
      .join('')}`,
  }),
  just: (graph) => ({
    justfile: `[parallel]\nall: ${names(graph).join(' ')}\n${names(graph)
      .map((name, task) => `${name}: ${needsOf(graph, task).join(' ')}\n    @true\n`)
      .join('')}`,
  }),
  moon: (graph) => ({
    '.moon/workspace.yml': "projects:\n  bench: '.'\nvcs: { client: git }\ntelemetry: false\n",
    'moon.yml': `language: unknown\ntasks:\n${[...names(graph), 'all']
      .map((name, task) => {
        const deps = name === 'all' ? names(graph) : needsOf(graph, task)
        const list = deps.map((dep) => `'~:${dep}'`).join(', ')
        return `  ${name}: { command: 'true', deps: [${list}], options: { cache: false } }\n`
      })
      .join('')}`,
  }),
  turbo: (graph) => ({
    'package.json': JSON.stringify({
      name: 'bench',
      private: true,
      packageManager: `bun@${Bun.version}`,
      workspaces: ['packages/*'],
      scripts: Object.fromEntries(names(graph).map((name) => [name, 'true'])),
    }),
    'bun.lock': '',
    'turbo.json': JSON.stringify({
      tasks: Object.fromEntries(
        names(graph).map((name, task) => [
          `//#${name}`,
          { cache: false, dependsOn: needsOf(graph, task).map((need) => `//#${need}`) },
        ]),
      ),
    }),
  }),
} satisfies Record<string, Writer>

export type Runner = keyof typeof writers

/** Writes the graph as this program reads it. moon looks for a commit, turbo for a repository. */
export function writeGraph(folder: string, runner: Runner, graph: Graph): void {
  for (const [path, text] of Object.entries(writers[runner](graph))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  if (runner !== 'moon' && runner !== 'turbo') return
  const git = ['git', '-c', 'user.name=bench', '-c', 'user.email=bench@localhost']
  for (const words of [
    ['init', '-q'],
    ['add', '-A'],
    ['commit', '-q', '-m', 'bench'],
  ])
    if (!Bun.spawnSync([...git, ...words], { cwd: folder }).success) throw new Error(`git ${words[0]} failed`)
}
