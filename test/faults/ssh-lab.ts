import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Result, resultOf } from '../build/binary.ts'
import type { Sshd } from '../host/sshd.ts'

/** A lab file in a folder of its own, with a HOME whose known_hosts names the machines; kedge runs there as a process. */
export type SshLab = {
  readonly folder: string
  readonly knownHosts: string
  /** `tasks` as in the lab file, indented by two. Nodes are entries by name, made by `nodeOn`. */
  config(nodes: Readonly<Record<string, string>>, tasks: string, more?: string): void
  kedge(...words: string[]): Promise<Finished>
  /** A kedge that goes on while the test does something to it. */
  start(...words: string[]): Started
  read(name: string): string
  remove(): void
}

export type Finished = Result & { readonly peakMiB: number }
export type Started = { readonly pid: number; readonly ended: Promise<Finished> }

/** The program from its source: what is under test here does not depend on how it was packed. */
export const kedge = [process.execPath, join(import.meta.dir, '../../lib/cli/main.ts')]

export type Machine = Pick<Sshd, 'port' | 'keyPath' | 'hostKeyLine' | 'target'>

/** An existing machine at this sshd; `port` where something stands between. */
export const nodeOn = ({ port, keyPath, target }: Machine, at = port) =>
  `{ role: edge, ssh: { host: 127.0.0.1, port: ${at}, user: ${target().user}, key: ${keyPath} } }`

export function sshLab(
  machines: readonly { readonly port: number; readonly hostKeyLine: string }[] = [],
  program: readonly string[] = kedge,
): SshLab {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-faults-'))
  const knownHosts = join(folder, 'home/.ssh/known_hosts')
  mkdirSync(join(folder, 'home/.ssh'), { recursive: true })
  writeFileSync(knownHosts, machines.map(({ port, hostKeyLine }) => `[127.0.0.1]:${port} ${hostKeyLine}\n`).join(''))
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: join(folder, 'home') }
  const running = new Set<Bun.Subprocess>()

  const start = (...words: string[]): Started => {
    const child = Bun.spawn([...program, ...words], {
      cwd: folder,
      env,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    running.add(child)
    const peak = watchPeak(child)
    const ended = (async () => {
      const result = await resultOf(child)
      running.delete(child)
      return { ...result, peakMiB: peak() }
    })()
    return { pid: child.pid, ended }
  }
  return {
    folder,
    knownHosts,
    config(nodes, tasks, more = '') {
      const entries = Object.entries(nodes).map(([name, node]) => `  ${name}: ${node}\n`)
      const text = `version: 1\nlab: faults\nextends: none\n${more}${entries.length > 0 ? `nodes:\n${entries.join('')}` : ''}tasks:\n${tasks}`
      writeFileSync(join(folder, 'kedge.config.yaml'), text)
    },
    kedge: (...words) => start(...words).ended,
    start,
    read: (name) => readFileSync(join(folder, name), 'utf8'),
    remove() {
      for (const child of running) child.kill('SIGKILL')
      endProcessesNaming(folder)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What the kernel says of a process's largest resident size so far, asked again and again while it lives. */
function watchPeak(child: Bun.Subprocess): () => number {
  let peakKiB = 0
  const look = () => {
    try {
      peakKiB = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peakKiB)
    } catch {
      // It has ended.
    }
  }
  const timer = setInterval(look, 50)
  child.exited.then(() => clearInterval(timer))
  return () => peakKiB / 1024
}

/** The commands of a test write into its folder, and so name it; what a failed test left of them ends here. */
function endProcessesNaming(folder: string): void {
  for (const pid of processesNaming(folder)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

/** Processes that have the text in their arguments or their environment. */
export function processesNaming(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    try {
      const isIt = ['cmdline', 'environ'].some((file) => readFileSync(`/proc/${name}/${file}`, 'utf8').includes(text))
      return isIt && !/^State:\s+Z/m.test(readFileSync(`/proc/${name}/status`, 'utf8')) ? [pid] : []
    } catch {
      return []
    }
  })
}

/** Waits for a state, however long that takes; the test's own limit ends it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(20)
}
