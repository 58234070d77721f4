import type { Process, Tried } from './watch.ts'

/** Something on a node reached for what lies beyond its LANs. */
export type Attempt = {
  readonly node: string
  /** Where to. A name is left out where it could not be heard. */
  readonly target:
    | { readonly kind: 'name'; readonly name?: string }
    | { readonly kind: 'address'; readonly address: string; readonly protocol: string; readonly port?: number }
  /** The source, which for a pod is its own address. */
  readonly from?: string
  /** How often a name was asked for; packets, for an address. */
  readonly count: number
  /** Whoever it was, where that could be seen. */
  readonly processes: readonly Process[]
  /** Tasks that ran on the node when a name was asked for, or when an address was first tried. */
  readonly tasks: readonly string[]
}

type Record = Omit<Attempt, 'processes' | 'tasks'> & {
  readonly processes: Map<string, Process>
  readonly tasks: Set<string>
}

export type Attempts = {
  addName(name: string | undefined, process: Process | undefined, times?: number): void
  /** All that the kernel has seen so far; what is new or more was tried now. */
  setTried(tried: readonly Tried[]): void
  /** A socket of this process goes from here to there. */
  addSocket(from: string, to: string, port: number, process: Process): void
  list(): readonly Attempt[]
}

/** What one node is remembered for; `running` are the tasks that run there now. */
export function createAttempts(node: string, running: () => readonly string[]): Attempts {
  const records = new Map<string, Record>()
  /** A process may be seen before the kernel's list with its attempt is read. */
  const sockets = new Map<string, Map<string, Process>>()
  const fresh = () => ({ processes: new Map<string, Process>(), tasks: new Set<string>() })
  const addTo = (known: Map<string, Process>, process: Process) =>
    known.set(`${process.name} ${process.unit ?? ''}`, process)
  const note = (tasks: Set<string>) => {
    for (const task of running()) tasks.add(task)
  }
  return {
    addName(name, process, times = 1) {
      const key = `name ${name ?? ''}`
      const target = { kind: 'name', ...(name === undefined ? {} : { name }) } as const
      const known = records.get(key) ?? { node, target, count: 0, ...fresh() }
      if (process) addTo(known.processes, process)
      note(known.tasks)
      records.set(key, { ...known, count: known.count + times })
    },
    setTried(tried) {
      for (const { from, to, protocol, port, packets } of tried) {
        const key = `${from} ${to} ${protocol} ${port}`
        const known = records.get(key)
        if (known?.count === packets) continue
        const target = {
          kind: 'address',
          address: to,
          protocol: protocols[protocol] ?? String(protocol),
          ...(port === 0 ? {} : { port }),
        } as const
        const seen = sockets.get(`${from} ${to} ${port}`)
        const record = known ?? { node, target, from, count: 0, ...fresh(), ...(seen ? { processes: seen } : {}) }
        // A packet that is sent again later is still the same attempt.
        if (!known) note(record.tasks)
        records.set(key, { ...record, count: packets })
      }
    },
    addSocket(from, to, port, process) {
      const key = `${from} ${to} ${port}`
      const seen = sockets.get(key) ?? new Map<string, Process>()
      sockets.set(key, seen)
      addTo(seen, process)
      for (const protocol of [6, 17]) {
        const record = records.get(`${from} ${to} ${protocol} ${port}`)
        if (record) addTo(record.processes, process)
      }
    },
    list: () =>
      [...records.values()].map(({ processes, tasks, ...rest }) => ({
        ...rest,
        processes: [...processes.values()],
        tasks: [...tasks],
      })),
  }
}

const protocols: Readonly<globalThis.Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
}
