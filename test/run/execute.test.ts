import { describe, expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { refused, TaskError } from '../../lib/event/failure.ts'
import { execute } from '../../lib/run/execute.ts'
import { done, doneIf, pending, type Task } from '../../lib/task/task.ts'
import { untilDone } from '../../lib/task/until-done.ts'
import { fakeWorld, outline, planOf, recording } from './fake-world.ts'

const never = new AbortController().signal

/** A task that is pending until it has run once on the node, and takes so many seconds. */
function makes(seconds = 1): { task: Task; ran: string[] } {
  const ran: string[] = []
  return {
    ran,
    task: {
      description: 'makes something',
      check: async ({ node }) => doneIf(ran.includes(node.name), 'not made'),
      run: async ({ node, sleep }) => {
        await sleep(seconds)
        ran.push(node.name)
      },
    },
  }
}

const failing = (error: unknown): Task => ({
  description: 'fails',
  check: async () => pending('never done'),
  run: async () => {
    throw error
  },
})

const of = <Type extends Event['type']>(events: readonly Event[], type: Type) =>
  events.filter((event): event is Extract<Event, { type: Type }> => event.type === type)

describe('check, run, check', () => {
  test('runs what is pending and says why before it starts', async () => {
    const { events, emit } = recording()
    const outcome = await execute(
      planOf({ 'a@n': [] }),
      fakeWorld(() => makes().task),
      emit,
      { jobs: 1 },
      never,
    )
    expect(outcome.result).toBe('ok')
    expect(outline(events)).toEqual(['run-started', 'task-started a@n', 'task-finished a@n', 'run-finished'])
    expect(of(events, 'task-started')[0]).toMatchObject({ why: 'not made', attempt: 1, phase: 'configuration' })
    expect(of(events, 'task-finished')[0]?.seconds).toBe(1)
  })

  test('nothing runs before its own start is on disk', async () => {
    const { events, emit } = recording()
    const { task } = makes()
    let onDisk: string[] = []
    const seen: string[][] = []
    const watched: Task = {
      ...task,
      async run(ctx) {
        seen.push(onDisk)
        await task.run(ctx)
      },
    }
    const world = {
      ...fakeWorld(() => watched),
      onDisk: async () => {
        const now = outline(events)
        await Promise.resolve()
        onDisk = now
      },
    }
    expect((await execute(planOf({ 'a@n': [] }), world, emit, { jobs: 1 }, never)).result).toBe('ok')
    expect(seen).toEqual([['run-started', 'task-started a@n']])
  })

  test('where events cannot be put on disk nothing runs, and the run is given up', async () => {
    const { emit } = recording()
    const { task, ran } = makes()
    const world = { ...fakeWorld(() => task), onDisk: () => Promise.reject(new Error('disk is gone')) }
    const error = await execute(planOf({ 'a@n': [], 'b@n': [] }), world, emit, { jobs: 1 }, never).catch((e) => e)
    expect(String(error)).toBe('Error: disk is gone')
    expect(ran).toEqual([])
  })

  test('leaves alone what is done', async () => {
    const { events, emit } = recording()
    const task: Task = {
      description: '',
      check: async () => done,
      run: () => Promise.reject(new Error('must not run')),
    }
    const outcome = await execute(
      planOf({ 'a@n': [] }),
      fakeWorld(() => task),
      emit,
      { jobs: 1 },
      never,
    )
    expect(outcome.result).toBe('ok')
    expect(of(events, 'task-skipped')[0]).toMatchObject({ because: 'already-done' })
    expect(of(events, 'task-started')).toEqual([])
  })

  test('a task whose check is not content afterwards has failed in its own words', async () => {
    const { events, emit } = recording()
    const task: Task = { description: '', check: async () => pending('swap on: /dev/sda2'), run: async () => {} }
    const outcome = await execute(
      planOf({ 'a@n': [] }),
      fakeWorld(() => task),
      emit,
      { jobs: 1 },
      never,
    )
    expect(outcome.result).toBe('failed')
    expect(of(events, 'task-failed')[0]?.failure).toEqual({
      kind: 'still-pending',
      message: 'ran, and yet: swap on: /dev/sda2',
    })
  })

  test('force runs what is done', async () => {
    const { events, emit } = recording()
    let ran = 0
    const task: Task = { description: '', check: async () => done, run: async () => void ran++ }
    await execute(
      planOf({ 'a@n': [] }),
      fakeWorld(() => task),
      emit,
      { jobs: 1, force: true },
      never,
    )
    expect(ran).toBe(1)
    expect(of(events, 'task-started')[0]?.why).toBe('forced')
  })

  test('force runs what is named alone, and not what that needs', async () => {
    const { events, emit } = recording()
    const task: Task = { description: '', check: async () => done, run: async () => {} }
    const limits = { jobs: 1, force: new Set(['b@n'] as const) }
    await execute(
      planOf({ 'a@n': [], 'b@n': ['a@n'] }),
      fakeWorld(() => task),
      emit,
      limits,
      never,
    )
    expect(of(events, 'task-started').map(({ id }) => id)).toEqual(['b@n'])
  })

  test('what it was given is noted with its end', async () => {
    const { events, emit } = recording()
    const world = { ...fakeWorld(() => makes().task), inputs: () => ({ task: '01234567' }) }
    await execute(planOf({ 'a@n': [] }), world, emit, { jobs: 1 }, never)
    expect(of(events, 'task-finished')[0]?.inputs).toEqual({ task: '01234567' })
    const again = recording()
    await execute(
      planOf({ 'a@n': [] }),
      { ...world, task: () => ({ ...makes().task, check: async () => done }) },
      again.emit,
      { jobs: 1 },
      never,
    )
    expect(of(again.events, 'task-skipped')[0]?.inputs).toEqual({ task: '01234567' })
  })
})

describe('order', () => {
  test('an instance starts after all that it waits for, and not before, with every seed', async () => {
    const waits = { 'a@1': [], 'a@2': [], 'b@1': ['a@1'], 'b@2': ['a@2'], 'c@m': ['b@1', 'b@2'], 'd@1': ['c@m'] }
    const orders = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const { events, emit } = recording()
      const { task } = makes()
      await execute(
        planOf(waits),
        fakeWorld(() => ({ ...task, check: oncePerInstance() }), seed),
        emit,
        { jobs: 3 },
        never,
      )
      const names = outline(events)
      for (const [id, needs] of Object.entries(waits)) {
        for (const need of needs)
          expect(names.indexOf(`task-finished ${need}`)).toBeLessThan(names.indexOf(`task-started ${id}`))
      }
      orders.add(
        of(events, 'task-started')
          .map(({ id }) => id)
          .join(' '),
      )
    }
    // The seed must really decide something, or the test above sees one order only.
    expect(orders.size).toBeGreaterThan(1)
  })

  test('the same seed gives the same order', async () => {
    const order = async () => {
      const { events, emit } = recording()
      const plan = planOf(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`a@${index}`, []])))
      await execute(
        plan,
        fakeWorld(() => makes().task, 7),
        emit,
        { jobs: 4 },
        never,
      )
      return outline(events)
    }
    expect(await order()).toEqual(await order())
  })

  test('no more than `jobs` run at once, and as many as that do', async () => {
    let running = 0
    let most = 0
    const task: Task = {
      description: '',
      check: oncePerInstance(),
      run: async ({ sleep }) => {
        most = Math.max(most, ++running)
        await sleep(1)
        running--
      },
    }
    const plan = planOf(Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`a@${index}`, []])))
    await execute(
      plan,
      fakeWorld(() => task),
      recording().emit,
      { jobs: 7 },
      never,
    )
    expect(most).toBe(7)
  })

  test('a slow node holds back only what waits for it: the wall time is the critical path', async () => {
    const { events, emit } = recording()
    const slow = makes(50)
    const fast = makes(1)
    const plan = planOf({ 'slow@a': [], 'fast@b': [], 'next@b': ['fast@b'], 'last@a': ['slow@a'] })
    await execute(
      plan,
      fakeWorld((name) => (name === 'slow' ? slow.task : name === 'fast' ? fast.task : makes(1).task)),
      emit,
      { jobs: 9 },
      never,
    )
    expect(of(events, 'run-finished')[0]?.seconds).toBe(51)
  })
})

/** A check that is content the second time it is asked. */
function oncePerInstance(): Task['check'] {
  const asked = new Set<string>()
  return async ({ node }) => {
    const again = asked.has(node.name)
    asked.add(node.name)
    return doneIf(again, 'first time')
  }
}

describe('failures', () => {
  test('hold back their dependents, all of them, and nobody else', async () => {
    const { events, emit } = recording()
    const plan = planOf({ 'bad@a': [], 'good@b': [], 'x@a': ['bad@a'], 'y@a': ['x@a', 'good@b'], 'z@b': ['good@b'] })
    const world = fakeWorld((name) =>
      name === 'bad' ? failing(new TaskError({ kind: 'command', message: 'no' })) : makes().task,
    )
    const outcome = await execute(plan, world, emit, { jobs: 4 }, never)
    expect(outcome.result).toBe('failed')
    expect([...outcome.failures.keys()]).toEqual(['bad@a'])
    expect(of(events, 'task-skipped').map(({ id, because, cause }) => ({ id, because, cause }))).toEqual([
      { id: 'x@a', because: 'dependency-failed', cause: 'bad@a' },
      { id: 'y@a', because: 'dependency-failed', cause: 'bad@a' },
    ])
    expect(
      of(events, 'task-finished')
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['good@b', 'z@b'])
    expect(of(events, 'run-finished')[0]).toMatchObject({ result: 'failed', finished: 2, failed: 1, heldBack: 2 })
  })

  test('whose last lines are known carry their cause and what to type, on this node', async () => {
    const { events, emit } = recording()
    const lastLines = ['\t[ERROR Swap]: running with swap on is not supported. Please disable swap']
    const error = new TaskError({ kind: 'command', message: '“kubeadm init” ended with exit code 1', lastLines })
    const world = fakeWorld(() => failing(error))
    const outcome = await execute(planOf({ 'init@a': [] }, { retries: 1 }), world, emit, { jobs: 1 }, never)
    const known = {
      cause: 'swap is on, and the kubelet does not start with it',
      cure: 'kedge run disable-swap --on a',
    }
    expect(outcome.failures.get('init@a')).toMatchObject(known)
    expect(of(events, 'task-failed')[0]?.failure).toMatchObject(known)
    expect(of(events, 'task-retrying')[0]?.failure).toMatchObject(known)
  })

  test('keep-going tries the dependents too', async () => {
    const { events, emit } = recording()
    const world = fakeWorld((name) => (name === 'bad' ? failing(new Error('no')) : makes().task))
    const outcome = await execute(
      planOf({ 'bad@a': [], 'x@a': ['bad@a'] }),
      world,
      emit,
      { jobs: 4, keepGoing: true },
      never,
    )
    expect(outcome.result).toBe('failed')
    expect(of(events, 'task-finished').map(({ id }) => id)).toEqual(['x@a'])
  })

  test('are tried again as often as the task says, with growing pauses, when waiting can cure them', async () => {
    const { events, emit } = recording()
    const plan = planOf({ 'a@n': [] }, { retries: 2 })
    await execute(
      plan,
      fakeWorld(() => failing(new TaskError({ kind: 'command', message: 'lock held' }))),
      emit,
      { jobs: 1 },
      never,
    )
    expect(of(events, 'task-started').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(of(events, 'task-retrying').map(({ inSeconds }) => inSeconds)).toEqual([2, 4])
    expect(of(events, 'task-failed')).toHaveLength(1)
  })

  test('a lost link is tried again for as long as the task may take, without a retry of its own', async () => {
    const { events, emit } = recording()
    const unreachable = failing(new TaskError({ kind: 'unreachable', message: 'the connection was lost' }))
    const outcome = await execute(
      planOf({ 'a@n': [] }),
      fakeWorld(() => unreachable),
      emit,
      { jobs: 1 },
      never,
    )
    expect(outcome.failures.get('a@n')).toMatchObject({ kind: 'unreachable' })
    expect(of(events, 'task-retrying').map(({ inSeconds }) => inSeconds)).toEqual([2, 4, 8, 16, 30])
    expect(of(events, 'task-failed')[0]?.seconds).toBe(60)
  })

  test('a refusal, a refused login and a bug are not tried again', async () => {
    const refusedLogin = new TaskError({ kind: 'unreachable', message: 'the login was refused', isFinal: true })
    for (const error of [refused('that is not ours'), refusedLogin, new TypeError('undefined is not a function')]) {
      const { events, emit } = recording()
      await execute(
        planOf({ 'a@n': [] }, { retries: 5 }),
        fakeWorld(() => failing(error)),
        emit,
        { jobs: 1 },
        never,
      )
      expect(of(events, 'task-started')).toHaveLength(1)
    }
  })

  test('a second attempt that succeeds makes the run ok', async () => {
    const { events, emit } = recording()
    let attempts = 0
    const task: Task = {
      description: '',
      check: async () => doneIf(attempts === 2, 'not yet'),
      run: async () => {
        if (++attempts === 1) throw new TaskError({ kind: 'command', message: 'lock held' })
      },
    }
    const outcome = await execute(
      planOf({ 'a@n': [] }, { retries: 1 }),
      fakeWorld(() => task),
      emit,
      { jobs: 1 },
      never,
    )
    expect(outcome.result).toBe('ok')
    expect(of(events, 'run-finished')[0]).toMatchObject({ finished: 1, failed: 0 })
  })

  test('a task that outlasts its timeout is stopped and says so; its neighbours are not touched', async () => {
    const { events, emit } = recording()
    const hangs: Task = { description: '', check: async () => pending('x'), run: ({ sleep }) => sleep(1e6) }
    const world = fakeWorld((name) => (name === 'hangs' ? hangs : makes().task))
    await execute(planOf({ 'hangs@a': [], 'fine@b': [] }), world, emit, { jobs: 2 }, never)
    expect(of(events, 'task-failed')[0]).toMatchObject({ id: 'hangs@a', seconds: 60, failure: { kind: 'timeout' } })
    expect(of(events, 'task-finished').map(({ id }) => id)).toEqual(['fine@b'])
  })

  test('a task that waited says what it waited for, and what that comes from', async () => {
    const { events, emit } = recording()
    const why = 'node a is not Ready: cni plugin not initialized'
    const waits: Task = {
      description: '',
      check: async () => pending(why),
      run: (ctx) => untilDone(ctx, async () => pending(why)),
    }
    const world = fakeWorld(() => waits)
    await execute(planOf({ 'waits@a': [] }), world, emit, { jobs: 1 }, never)
    expect(of(events, 'task-failed')[0]?.failure).toEqual({
      kind: 'timeout',
      message: 'not done within its timeout of 60 s',
      lastLines: [why],
      cause: 'a has no pod network yet: nothing valid lies in /etc/cni/net.d',
      cure: 'kedge run all --on a',
    })
  })

  test('a task that does not listen to its signal is left behind after a grace', async () => {
    const { events, emit } = recording()
    const deaf: Task = { description: '', check: async () => pending('x'), run: () => new Promise(() => {}) }
    await execute(
      planOf({ 'deaf@a': [] }),
      fakeWorld(() => deaf),
      emit,
      { jobs: 1 },
      never,
    )
    expect(of(events, 'task-failed')[0]).toMatchObject({ seconds: 70, failure: { kind: 'timeout' } })
  })
})

describe('stopping', () => {
  test('nothing new starts, what runs is ended, and each instance says how it ended', async () => {
    const { events, emit } = recording()
    const stop = new AbortController()
    const task: Task = {
      description: '',
      check: async () => pending('x'),
      run: async ({ sleep }) => {
        stop.abort()
        await sleep(1000)
      },
    }
    const plan = planOf({ 'a@1': [], 'b@1': ['a@1'], 'c@1': [] })
    const outcome = await execute(
      plan,
      fakeWorld(() => task),
      emit,
      { jobs: 1 },
      stop.signal,
    )
    expect(outcome.result).toBe('interrupted')
    expect(of(events, 'task-started')).toHaveLength(1)
    const interrupted = of(events, 'task-skipped').filter(({ because }) => because === 'interrupted')
    expect(interrupted.map(({ id }) => id).sort()).toEqual(['a@1', 'b@1', 'c@1'])
    expect(of(events, 'run-finished')[0]?.result).toBe('interrupted')
  })

  test('a journal that cannot be written ends the run', async () => {
    const { emit } = recording()
    const stops = (body: { type: string }) => {
      if (body.type === 'task-started') throw new Error('disk full')
      emit(body as never)
    }
    const made = makes()
    const run = execute(
      planOf({ 'a@n': [], 'b@n': ['a@n'] }),
      fakeWorld(() => made.task),
      stops,
      { jobs: 1 },
      never,
    )
    await expect(run).rejects.toThrow('disk full')
    expect(made.ran).toEqual([])
  })
})

describe('a dry run', () => {
  test('asks every check, runs nothing, and reports what is to do', async () => {
    const { events, emit } = recording()
    const made = makes()
    const world = fakeWorld((name) => (name === 'a' ? { ...made.task, check: async () => done } : made.task))
    const outcome = await execute(planOf({ 'a@n': [], 'b@n': ['a@n'] }), world, emit, { jobs: 2, dryRun: true }, never)
    expect(outcome.pending).toEqual(['b@n'])
    expect(of(events, 'task-pending')[0]).toMatchObject({ id: 'b@n', why: 'not made' })
    expect(made.ran).toEqual([])
  })

  test('a check that finds nothing to look at is pending behind what it waits for, and a failure otherwise', async () => {
    const { emit } = recording()
    const unreachable = failing(new Error())
    unreachable.check = () => Promise.reject(new TaskError({ kind: 'unreachable', message: 'no such VM' }))
    const world = fakeWorld((name) => (name === 'create' ? makes().task : unreachable))
    const behind = await execute(
      planOf({ 'create@n': [], 'x@n': ['create@n'] }),
      world,
      emit,
      { jobs: 2, dryRun: true },
      never,
    )
    expect(behind).toMatchObject({ result: 'ok', pending: ['create@n', 'x@n'] })
    const alone = await execute(planOf({ 'x@n': [] }), world, emit, { jobs: 2, dryRun: true }, never)
    expect(alone.failures.get('x@n')).toMatchObject({ kind: 'unreachable' })
  })
})
