import { describe, expect, test } from 'bun:test'
import { explainPlan, type Knowledge } from '../../lib/cli/explain-plan.ts'
import type { Verdict } from '../../lib/cli/look.ts'
import { removedNodes } from '../../lib/cli/removed-nodes.ts'
import type { Event, InstanceId } from '../../lib/event/event.ts'
import { planSum, planText } from '../../lib/report/plan-text.ts'
import { notAskable } from '../../lib/run/run-instance.ts'
import { alwaysRuns } from '../../lib/task/task.ts'
import { expectGolden } from '../report/expect-golden.ts'
import { paperLab } from '../report/paper-lab.ts'

const { topology, plan } = paperLab()
const given = { task: 'aaaaaaaa', kubernetes: 'bbbbbbbb' }
const at = '2026-11-21T20:57:17.123Z'
const done: Verdict = { state: 'done', why: '' }
const todo = (why: string): Verdict => ({ state: 'pending', why })

type Past = Readonly<Record<string, 'finished' | 'failed' | 'started' | 'pending' | 'already-done'>>

/** A journal in which each instance last was as named, `all` standing for those that are not. */
function knowledge(past: Past, more: Partial<Knowledge> = {}, inputs: typeof given = given): Knowledge {
  const eventOf = (id: InstanceId): Event | undefined => {
    const type = past[id] ?? past.all
    const body = { id, at, run: 'r', task: '', node: '', phase: '' }
    if (type === 'finished') return { ...body, type: 'task-finished', seconds: 1, inputs }
    if (type === 'failed')
      return {
        ...body,
        type: 'task-failed',
        seconds: 1,
        failure: { kind: 'command', message: 'ended with 1', cure: 'try again' },
      }
    if (type === 'started') return { ...body, type: 'task-started', why: 'swap on', attempt: 1 }
    if (type === 'pending') return { ...body, type: 'task-pending', why: 'swap on', seconds: 1 }
    if (type === 'already-done') return { ...body, type: 'task-skipped', because: 'already-done', seconds: 1, inputs }
    return undefined
  }
  const events = (isWanted: (event: Event) => boolean) =>
    new Map(
      plan.instances.flatMap(({ id }) => {
        const event = eventOf(id)
        return event && isWanted(event) ? [[id, event] as const] : []
      }),
    )
  return {
    lastEnds: events(({ type }) => type === 'task-finished' || type === 'task-failed'),
    lastKnown: events(() => true),
    lastDone: events(({ type }) => type === 'task-finished' || type === 'task-skipped'),
    unchecked: new Set(),
    inputs: () => given,
    forced: new Set(),
    ...more,
  }
}

const verdicts = (own: Readonly<Record<string, Verdict>>, other: Verdict = done, instances = plan.instances) =>
  new Map(instances.map(({ id }) => [id, own[id] ?? other]))
const one = (id: string, own: Verdict | undefined, known: Knowledge) =>
  explainPlan(plan.instances, known, own && verdicts({ [id]: own })).find((row) => row.id === id)

describe('why an instance is to be done', () => {
  const id = 'disable-swap@edge-1'
  const swap = todo('swap on: /dev/vda2')
  test.each([
    ['nobody has run it', {}, swap, { state: 'pending', reason: 'never-run' }],
    ['somebody has changed the node', { [id]: 'finished' }, swap, { state: 'drifted', reason: 'drifted' }],
    [
      'somebody has changed what kedge only ever found done',
      { [id]: 'already-done' },
      swap,
      { state: 'drifted', reason: 'drifted' },
    ],
    ['it has no check', { [id]: 'finished' }, todo(alwaysRuns), { state: 'pending', reason: 'always' }],
    ['it failed', { [id]: 'failed' }, swap, { state: 'pending', reason: 'failed' }],
    ['it was killed', { [id]: 'started' }, swap, { state: 'pending', reason: 'unfinished' }],
    ['it is done', { [id]: 'finished' }, done, { state: 'done' }],
    [
      'it was done, and what it waits for is not',
      { [id]: 'finished' },
      todo(notAskable),
      { state: 'pending', reason: 'waiting' },
    ],
    ['it never was, and what it waits for is not', {}, todo(notAskable), { state: 'pending', reason: 'never-run' }],
    [
      'its node does not answer',
      { [id]: 'finished' },
      { state: 'unknown', why: 'no route', cure: 'look' },
      { state: 'unknown', reason: 'not-asked', cure: 'look' },
    ],
  ] as const)('%s', (_, past, verdict, expected) => {
    const { reason, ...row } = one(id, verdict, knowledge(past)) ?? {}
    expect({ ...row, ...(reason ? { reason } : {}) }).toMatchObject(expected)
    expect(reason).toBe((expected as { reason?: typeof reason }).reason)
  })

  test('a run is at it now', () => {
    expect(one(id, swap, knowledge({ [id]: 'started' }, { held: {} }))).toMatchObject({ reason: 'running' })
  })

  test('it was given something else since, and in what part', () => {
    const before = knowledge({ [id]: 'finished' }, {}, { ...given, kubernetes: 'cccccccc' })
    expect(one(id, swap, before)).toMatchObject({ state: 'pending', reason: 'inputs-changed', changed: ['kubernetes'] })
    expect(one(id, done, before)).toMatchObject({ state: 'done', changed: [] })
  })

  test('a failure counts until it was done again, or found so', () => {
    const known = knowledge({ [id]: 'failed' })
    const found = { at: '2026-11-21T21:00:00.000Z', inputs: given }
    const lastDone = (more: object) =>
      new Map([
        [id, { ...known.lastEnds.get(id), ...found, ...more, type: 'task-skipped' } as unknown as Event],
      ] as const)
    expect(one(id, swap, { ...known, lastDone: lastDone({}) })).toMatchObject({ reason: 'drifted' })
    expect(one(id, swap, { ...known, lastDone: lastDone({ at: '2026-11-21T20:00:00.000Z' }) })).toMatchObject({
      reason: 'failed',
    })
  })

  test('it is forced, done or not', () => {
    const forced = { forced: new Set([id] as const) }
    for (const verdict of [done, swap])
      expect(one(id, verdict, knowledge({ all: 'finished' }, forced))).toMatchObject({
        state: 'pending',
        reason: 'forced',
      })
    expect(one('disable-swap@edge-2', done, knowledge({ all: 'finished' }, forced))).toMatchObject({ state: 'done' })
  })

  test('with it, what it waits for of that is not done', () => {
    const rows = explainPlan(
      plan.instances,
      knowledge({}),
      verdicts({ 'create-vms@edge-1': todo('x'), [id]: todo(notAskable) }),
    )
    expect(rows.find((row) => row.id === id)?.after).toEqual(['create-vms@edge-1'])
    expect(rows.find((row) => row.id === 'disable-swap@edge-2')?.after).toEqual([])
  })
})

describe('by the journal alone', () => {
  const id = 'disable-swap@edge-1'
  test.each([
    ['finished', { state: 'done' }],
    ['already-done', { state: 'done' }],
    ['failed', { state: 'pending', reason: 'failed', why: 'ended with 1', cure: 'try again' }],
    ['started', { state: 'pending', reason: 'unfinished' }],
    ['pending', { state: 'pending', reason: 'never-run', why: 'swap on' }],
  ] as const)('%s', (type, expected) => {
    expect(one(id, undefined, knowledge({ [id]: type }))).toMatchObject(expected)
  })

  test('what was done with other inputs is not known', () => {
    const before = knowledge({ [id]: 'finished' }, {}, { ...given, task: 'cccccccc' })
    expect(one(id, undefined, before)).toMatchObject({ state: 'unknown', reason: 'inputs-changed', changed: ['task'] })
  })

  test('what has no check is never done', () => {
    const always = knowledge({ all: 'finished' }, { unchecked: new Set(['disable-swap']) })
    expect(one(id, undefined, always)).toMatchObject({ state: 'pending', reason: 'always', why: alwaysRuns })
  })

  test('nothing: all is to do', () => {
    expect(planSum(explainPlan(plan.instances, knowledge({})))).toBe('44 to do, 0 done')
  })
})

describe('nodes that the file no longer names', () => {
  const known = [
    'disable-swap@edge-1',
    'disable-swap@edge-3',
    'create-networks@hypervisor',
    'join-edge@edge-3',
  ] as const
  const machine = { node: 'edge-4', domain: 'paper-edge-4', state: 'running', isInFile: false, hasBundle: true }
  const ask = (...[machines, hasVms]: [Parameters<typeof removedNodes>[2], boolean]) =>
    removedNodes(topology, known, machines, { hasVms, kedge: "kedge -c 'my lab.yaml'" }).map(
      ({ node, does, command }) => [node, does, command],
    )

  test('by libvirt and by the journal, with what would become of them and the words to type', () => {
    expect(ask([machine], true)).toEqual([
      [
        'edge-4',
        'VM paper-edge-4 (running) and its disk go; it leaves the Kubernetes cluster',
        "kedge -c 'my lab.yaml' destroy --node edge-4",
      ],
      [
        'edge-3',
        'it has no VM any more; what is left of its files goes; it leaves the Kubernetes cluster',
        "kedge -c 'my lab.yaml' destroy --node edge-3",
      ],
    ])
    expect(ask(undefined, true)[0]?.[1]).toBe(
      'its VM and disk go, where there are any; it leaves the Kubernetes cluster',
    )
    expect(ask([], false)[0]?.[1]).toStartWith('kedge forgets it; its machine is yours')
  })
})

describe('as it is read', () => {
  const words = (id: string): Verdict => {
    const [task, node] = id.split('@')
    if (task === 'create-networks')
      return todo(
        'network paper-management is not defined; network paper-cloud is not defined; network paper-edge-1 is not defined; network paper-edge-2 is not defined',
      )
    return todo(task === 'create-vms' ? `domain paper-${node} is not defined` : notAskable)
  }
  const fresh = (instances = plan.instances) =>
    explainPlan(instances, knowledge({}), new Map(instances.map(({ id }) => [id, words(id)])))
  const busy = explainPlan(
    plan.instances,
    knowledge(
      { all: 'finished', 'join-worker@worker': 'failed', 'verify@edge-2': 'started', 'open-ports@master': 'finished' },
      {
        inputs: ({ task }) => ({ ...given, ...(task === 'install-kubernetes' ? { kubernetes: 'cccccccc' } : {}) }),
      },
    ),
    verdicts({
      'disable-swap@edge-1': todo('swap on: /dev/vda2, on 192.168.24.2'),
      'disable-swap@edge-2': todo('swap on: /dev/vda2, on 192.168.24.10'),
      'install-kubernetes@master': todo('kubelet is 1.31.4, wanted 1.32.10'),
      'install-kubernetes@worker': todo('kubelet is 1.31.4, wanted 1.32.10'),
      'join-worker@worker': todo('node worker is not in the cluster'),
      'verify@edge-2': todo('its smoke pod does not run'),
      'open-ports@master': {
        state: 'unknown',
        why: 'root@192.168.22.10:22: no answer within 20 s',
        cure: 'look whether master is on',
      },
    }),
  )
  const removed = removedNodes(
    topology,
    ['join-edge@edge-3'],
    [{ node: 'edge-3', domain: 'paper-edge-3', state: 'running', isInFile: false, hasBundle: true }],
    { hasVms: true, kedge: 'kedge' },
  )
  const two = paperLab(200)
  const large = explainPlan(
    two.plan.instances,
    knowledge({ 'disable-swap@edge-1': 'finished' }),
    new Map(
      two.plan.instances.map(({ id, task, node }) => [
        id,
        task === 'disable-swap' && /edge-1?5$/.test(node) ? todo(`swap on ${node}`) : done,
      ]),
    ),
  )
  const converged = explainPlan(plan.instances, knowledge({ all: 'finished' }), verdicts({}))
  const offline = { run: '20261121-204512-4f2a', at, ageSeconds: 3.3 * 3600 }
  const held = { command: 'kedge run all', pid: 4242, host: 'bench', since: '2026-11-22T08:12:03.456Z' }

  test.each([
    ['plan-fresh.txt', { rows: fresh(), removed: [] }, {}],
    ['plan-fresh-40-columns.txt', { rows: fresh(), removed: [] }, { width: 40 }],
    ['plan-busy.txt', { rows: busy, removed }, {}],
    ['plan-busy-color.txt', { rows: busy, removed }, { color: true }],
    ['plan-busy-verbose.txt', { rows: busy, removed }, { verbose: true }],
    ['plan-held.txt', { rows: converged, removed: [], held }, {}],
    ['plan-nothing-to-do.txt', { rows: converged, removed: [] }, {}],
    ['plan-two-hundred-fresh.txt', { rows: fresh(two.plan.instances), removed: [] }, {}],
    ['plan-two-hundred.txt', { rows: large, removed: [] }, {}],
    [
      'plan-offline.txt',
      {
        rows: explainPlan(plan.instances, knowledge({ all: 'finished', 'join-worker@worker': 'failed' })),
        removed: [],
        journal: offline,
      },
      {},
    ],
    [
      'plan-offline-never-run.txt',
      { rows: explainPlan(plan.instances, knowledge({})), removed: [], journal: { ageSeconds: 0 } },
      {},
    ],
  ] as const)('%s', async (name, view, options) => {
    const text = planText(view, { width: 80, ...options })
    const width = 'width' in options ? options.width : 80
    // Commands are for copying, and names are not cut.
    for (const line of text.split('\n').filter((each) => !each.includes('kedge destroy')))
      expect(Bun.stringWidth(Bun.stripANSI(line))).toBeLessThanOrEqual(Math.max(width, 42))
    await expectGolden(name, text)
  })

  test('without a terminal no line is broken', () => {
    expect(planText({ rows: fresh(), removed: [] })).toContain(
      '+ create-networks       not run yet: network paper-management is not defined; network paper-cloud is not defined; network paper-edge-1 is not defined; network paper-edge-2 is not defined\n',
    )
  })
})
