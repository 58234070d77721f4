import { readFileSync } from 'node:fs'
import { openBundle } from '../../lib/bundle/bundle.ts'
import type { Connection } from '../../lib/host/host.ts'
import { type Rule, type ScriptedConnection, scriptedConnection } from '../../lib/host/scripted.ts'
import { createVault } from '../../lib/host/secret.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import type { Instance } from '../../lib/plan/plan.ts'
import { contextMaker } from '../../lib/run/task-context.ts'
import type { TaskContext } from '../../lib/task/task.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { sumsOf } from '../task/sums-of.ts'
import { known } from '../topology/known.ts'
import { labBundle } from './lab-bundle.ts'

const labFile = new URL('../fixtures/tasks/valid-two-edges.yaml', import.meta.url)

/** The tests' lab; `change` rewrites the file's text before it is loaded. */
export function loadLab(change: (text: string) => string = (text) => text): Topology {
  const loaded = loadTopology(change(readFileSync(labFile, 'utf8')), '/lab/kedge.config.yaml', known)
  if (!loaded.ok) throw new Error(loaded.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  return loaded.topology
}

export type SceneOptions = {
  /** By the node's name, and `hypervisor`. */
  readonly rules?: Readonly<Record<string, readonly Rule[]>>
  readonly files?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly topology?: Topology
  /** The bundle's folder; the tests' own where none is named. */
  readonly bundle?: string
  /** Called at each sleep; the task goes on when it returns. */
  readonly onSleep?: (count: number) => void
  /** Stops the instance. */
  readonly signal?: AbortSignal
}

export type Scene = {
  readonly ctx: TaskContext
  host(name: string): ScriptedConnection
  /** Every command and every file written, in order over all hosts, as `host$ text`; but for the questions what time it is and what files hold. */
  readonly steps: readonly string[]
  /** Each line that reached the log, commands and notes included. */
  readonly log: readonly string[]
  readonly said: readonly string[]
  readonly sleeps: readonly number[]
  /** The file's text on that host, undefined where there is none. */
  file(host: string, path: string): string | undefined
  mode(host: string, path: string): string | undefined
}

/** Every machine's, unless a test's own rule comes first. */
const clock: Rule = ['date +%s.%N', () => `${Date.now() / 1000}\n`]

/** A task's context on a node of the tests' lab: the real context, shell and bundle; the hosts are scripted, time is not waited for. */
export function sceneOn(nodeName: string, options: SceneOptions = {}): Scene {
  const { rules = {}, files = {}, onSleep } = options
  const topology = options.topology ?? loadLab()
  const bundle = openBundle(options.bundle ?? labBundle())
  const hosts = new Map<string, ScriptedConnection>()
  const steps: string[] = []
  const log: string[] = []
  const said: string[] = []
  const sleeps: number[] = []
  const host = (name: string): ScriptedConnection => {
    const sums = sumsOf((path) => host(name).files.get(path)?.content)
    const connection =
      hosts.get(name) ??
      scriptedConnection({ name, rules: [...(rules[name] ?? []), clock, sums], files: files[name] ?? {} })
    hosts.set(name, connection)
    return connection
  }
  const recorded = (name: string): Connection => ({
    ...host(name),
    bind: (binding) =>
      host(name).bind({
        ...binding,
        onOutput(stream, line) {
          if (stream === 'command' && line !== clock[0] && !line.startsWith('sha256sum '))
            steps.push(`${name}$ ${line}`)
          binding.onOutput(stream, line)
        },
      }),
  })
  const contextOf = contextMaker({
    topology,
    connection: (node) => recorded(node.name),
    bundle: () => bundle,
    secret: createVault().secret,
    stateFolder: '/nonexistent/kedge-state',
    async sleep(seconds, signal) {
      signal.throwIfAborted()
      sleeps.push(seconds)
      if (sleeps.length > 200) throw new Error(`slept 200 times; the last word was ${said.at(-1)}`)
      onSleep?.(sleeps.length)
    },
  })
  const ctx = contextOf({ task: 'any', node: nodeName } as Instance, {
    signal: options.signal ?? new AbortController().signal,
    fields: {} as never,
    onOutput(stream, line) {
      log.push(line)
      if (stream === 'note') said.push(line)
    },
  })
  return {
    ctx,
    host,
    steps,
    log,
    said,
    sleeps,
    file: (name, path) => host(name).files.get(path)?.content.toString('utf8'),
    mode: (name, path) => host(name).files.get(path)?.mode.toString(8),
  }
}

/** The failure that a promise was rejected with, in one line. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error) => {
      const { kind, message } = toFailure(error)
      return `${kind}: ${message}`
    },
  )
}
