import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sshd } from '../host/sshd.ts'

/** A plain lab whose tasks leave traces: on this machine, and on nodes behind real sshds. */
export type CrashLab = {
  readonly folder: string
  /** Where the tasks leave their traces, a folder for each place and the ledger. */
  readonly work: string
  readonly instances: number
  readonly env: Readonly<Record<string, string>>
  readonly stateFolder: string
  /** What each effect that must not be repeated wrote, sorted. */
  ledger(): string[]
  /** Path, mode and sha256 of every file that the tasks made. */
  tree(): string[]
  /** Numbers of living processes that some task started. */
  processes(): number[]
  remove(): void
}

/** Every instance of it, once. */
export const ledgerOf = (lab: { readonly instances: number }): string[] => names(lab.instances - uploads).sort()

/** The nodes, as the lab's file names them. */
export const places = ['hypervisor', 'near', 'far'] as const
const perPlace = 22
const uploads = places.length * 2
const names = (count: number) => Array.from({ length: count }, (_, index) => nameOf(index))
const nameOf = (index: number) => `${places[index % places.length]}-${Math.floor(index / places.length)}`

/** One at each place takes so long that the next kedge looks for its line before it is there. */
export const slow: readonly string[] = places.map((place) => `${place}-0`)
const slowEffect = (line: string) => `sleep 1.5; ${line}`

/** What an effect does before and after it adds its line; a process that outlives its kedge adds it beside the next one. */
const effects: readonly ((line: string) => string)[] = [
  (line) => `${line}; sleep 0.03`,
  (line) => `sleep 0.05; ${line}`,
  // A grandchild, in the background, that does not listen.
  (line) => `(trap "" TERM HUP INT; sleep 0.08; ${line}) & wait`,
  (line) => `sleep 300 & helper=$!; sleep 0.02; kill $helper; ${line}`,
  // The shell itself is replaced.
  (line) => `exec bash -c 'sleep 0.04; ${line}'`,
  (line) => `seq 2000 | while read -r number; do if [ $number = 1900 ]; then ${line}; fi; done`,
]

export function makeCrashLab(sshds: readonly [Sshd, Sshd]): CrashLab {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-crash-'))
  const work = join(folder, 'work')
  const home = join(folder, 'home')
  mkdirSync(join(home, '.ssh'), { recursive: true })
  mkdirSync(join(folder, 'tasks'))
  mkdirSync(join(folder, '.kedge/crash'), { recursive: true, mode: 0o700 })
  for (const place of places) mkdirSync(join(work, place), { recursive: true })
  const knownHosts = sshds.map(({ port, hostKeyLine }) => `[127.0.0.1]:${port} ${hostKeyLine}\n`).join('')
  writeFileSync(join(home, '.ssh/known_hosts'), knownHosts)
  writeFileSync(join(folder, 'piece.bin'), Buffer.alloc(3 * 1024 * 1024, 'a piece of a bundle '))
  for (const kind of ['put', 'write'] as const) writeFileSync(join(folder, `tasks/${kind}.ts`), uploadTask(kind, work))

  const count = places.length * perPlace
  const tasks = names(count).map((name, index) => {
    const place = places[index % places.length] as string
    const file = join(work, place, name)
    const line = `echo ${name} >> ${work}/ledger`
    const quick = effects[Math.floor(index / places.length) % effects.length] as (line: string) => string
    const effect = slow.includes(name) ? slowEffect(line) : quick(line)
    const needs = index < places.length * 4 ? [] : [nameOf(index - places.length * 4)]
    // The file is made again by a repeated run; the line in the ledger must not be.
    const wrapped = `seq 5000 > ${file}.new; mv ${file}.new ${file}; ${effect}`
    return `  ${name}: ${JSON.stringify({ on: place, needs, sh: wrapped, check: `grep -qx ${name} ${work}/ledger`, env: { KEDGE_CRASH_LAB: folder } })}`
  })
  const nodes = sshds.map(({ port, keyPath }, index) => {
    const ssh = { host: '127.0.0.1', port, user: 'root', key: keyPath }
    return `  ${places[index + 1]}: ${JSON.stringify({ role: 'edge', ssh })}`
  })
  const wiring = ['put', 'write'].map((kind) => `  ${kind}: { on: [${places.join(', ')}] }`)
  const config = ['version: 1', 'lab: crash', 'extends: none', 'nodes:', ...nodes, 'tasks:', ...tasks, ...wiring]
  writeFileSync(join(folder, 'kedge.config.yaml'), `${config.join('\n')}\n`)

  return {
    folder,
    work,
    instances: count + uploads,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home },
    stateFolder: join(folder, '.kedge/crash'),
    ledger: () => readFileSync(join(work, 'ledger'), 'utf8').trim().split('\n').sort(),
    tree: () => treeOf(work),
    processes: () => processesOf(folder),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Looks only whether the file is there: half a file would be taken for a whole one. */
const uploadTask = (kind: 'put' | 'write', work: string): string => `
import { doneIf, task } from 'kedge'
export default task({
  description: '${kind} a file',
  async check({ host, node, $ }) {
    const file = '${work}/' + node.name + '/${kind}'
    return doneIf((await $\`test -e \${file}\`.nothrow()).exitCode === 0, 'no ' + file)
  },
  async run({ host, node }) {
    const file = '${work}/' + node.name + '/${kind}'
    ${kind === 'put' ? "await host.put('piece.bin', file, { mode: 0o640 })" : "await host.write(file, 'x'.repeat(1 << 20), { mode: 0o600 })"}
  },
})
`

function treeOf(root: string): string[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  return paths.flatMap((path) => {
    const { mode } = statSync(join(root, path))
    if (path === 'ledger' || statSync(join(root, path)).isDirectory()) return []
    const sum = createHash('sha256')
      .update(readFileSync(join(root, path)))
      .digest('hex')
    return [`${path} ${(mode & 0o7777).toString(8)} ${sum}`]
  })
}

/** By their arguments or their environment, where they name the lab's folder. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const texts = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${name}/${file}`, 'latin1'))
      return texts.some((text) => text.includes(folder)) ? [Number(name)] : []
    } catch {
      // It has ended meanwhile.
      return []
    }
  })
}
