import { expect, test } from 'bun:test'
import type { Event } from '../../lib/event/event.ts'
import { TaskError } from '../../lib/event/failure.ts'
import { execute, type Limits } from '../../lib/run/execute.ts'
import type { World } from '../../lib/run/world.ts'
import { done, doneIf, pending, type Task } from '../../lib/task/task.ts'
import { fakeWorld, outline, planOf, recording } from './fake-world.ts'

const never = new AbortController().signal
const chain = planOf({ 'a@n': [], 'b@n': ['a@n'], 'c@n': ['b@n'], 'd@n': ['c@n'] })

/** A world in which everything was done the last time. */
const builtBefore = (tasks: (name: string) => Task): World => ({ ...fakeWorld(tasks), wasDone: () => true })

async function run(plan: typeof chain, world: World, limits: Limits, signal = never) {
  const { events, emit } = recording()
  const outcome = await execute(plan, world, emit, limits, signal)
  return { outcome, events, lines: outline(events), seconds: (events.at(-1) as Event & { seconds: number }).seconds }
}

const task = (check: Task['check'], run: Task['run'] = async () => {}): Task => ({ description: '', check, run })

test('checks of what was done are asked side by side, and said in order', async () => {
  const looked: string[] = []
  const looks = (name: string) =>
    task(async ({ sleep }) => {
      looked.push(name)
      await sleep(10)
      return done
    })
  const { lines, seconds, outcome } = await run(chain, builtBefore(looks), { jobs: 8 })
  expect(outcome.result).toBe('ok')
  expect(seconds).toBe(10)
  expect(looked.toSorted()).toEqual(['a', 'b', 'c', 'd'])
  const skips = ['a@n', 'b@n', 'c@n', 'd@n'].map((id) => `task-skipped ${id}`)
  expect(lines).toEqual(['run-started', ...skips, 'run-finished'])
})

test('where the last run says nothing each check waits for its turn', async () => {
  const looks = task(async ({ sleep }) => {
    await sleep(10)
    return done
  })
  const world = fakeWorld(() => looks)
  expect((await run(chain, world, { jobs: 8 })).seconds).toBe(40)
  const half = { ...world, wasDone: ({ task }: { task: string }) => task === 'b' || task === 'c' }
  expect((await run(chain, half, { jobs: 8 })).seconds).toBe(20)
})

test('what was seen before something changed is asked again', async () => {
  let isBroken = false
  let looks = 0
  const tasks: Record<string, Task> = {
    a: task(
      async ({ sleep }) => {
        await sleep(5)
        return doneIf(isBroken, 'to be made')
      },
      async () => {
        isBroken = true
      },
    ),
    b: task(
      async () => {
        looks++
        return doneIf(!isBroken, 'broken by a')
      },
      async () => {
        isBroken = false
      },
    ),
  }
  const world = builtBefore((name) => tasks[name] as Task)
  // b mends what a does by undoing it, so a is not asked again.
  const { lines } = await run(planOf({ 'a@n': [], 'b@n': ['a@n'] }), world, { jobs: 8 })
  expect(lines).toContain('task-started b@n')
  expect(looks).toBe(3)
})

test('a look that is under way when something changes counts for nothing', async () => {
  const log: string[] = []
  const tasks: Record<string, Task> = {
    a: task(
      async () => doneIf(log.includes('made'), 'to be made'),
      async ({ sleep }) => {
        await sleep(5)
        log.push('made')
      },
    ),
    b: task(async ({ sleep }) => {
      const isMade = log.includes('made')
      log.push('looked')
      await sleep(20)
      return doneIf(!isMade || log.filter((line) => line === 'looked').length > 1, '')
    }),
  }
  const { outcome } = await run(
    planOf({ 'a@n': [], 'b@n': ['a@n'] }),
    builtBefore((name) => tasks[name] as Task),
    {
      jobs: 8,
    },
  )
  expect(outcome.result).toBe('ok')
  expect(log).toEqual(['looked', 'made', 'looked'])
})

test('so does one that is waited for when something changes elsewhere', async () => {
  let isMade = false
  let looks = 0
  const tasks: Record<string, Task> = {
    a: task(async () => done),
    b: task(async ({ sleep }) => {
      looks++
      await sleep(20)
      return done
    }),
    x: task(
      async ({ sleep }) => {
        await sleep(5)
        return doneIf(isMade, 'to be made')
      },
      async () => {
        isMade = true
      },
    ),
  }
  const plan = planOf({ 'a@n': [], 'b@n': ['a@n'], 'x@m': [] })
  await run(
    plan,
    builtBefore((name) => tasks[name] as Task),
    { jobs: 8 },
  )
  expect(looks).toBe(2)
})

test('a look that is waited for leaves its room to another', async () => {
  const looks = (name: string) =>
    task(async ({ sleep }) => {
      await sleep(name === 'a' ? 5 : 10)
      return done
    })
  expect(
    (await run(planOf({ 'a@n': [], 'b@n': ['a@n'], 'c@n': ['b@n'] }), builtBefore(looks), { jobs: 2 })).seconds,
  ).toBe(15)
})

test('what is not done, or cannot be asked, is asked in its turn', async () => {
  const made = new Set<string>()
  const makes = (name: string, before: string) =>
    task(
      async () => {
        if (before && !made.has(before)) throw new Error(`${before} is not there to be looked at`)
        return doneIf(made.has(name), 'not made')
      },
      async () => void made.add(name),
    )
  const tasks: Record<string, Task> = { a: makes('a', ''), b: makes('b', 'a'), c: makes('c', 'b'), d: makes('d', 'c') }
  const { outcome, lines } = await run(
    chain,
    builtBefore((name) => tasks[name] as Task),
    { jobs: 8 },
  )
  expect(outcome.result).toBe('ok')
  expect(lines.filter((line) => line.startsWith('task-finished'))).toHaveLength(4)
  expect(lines.some((line) => line.startsWith('task-failed'))).toBeFalse()
})

test('looks take what room `jobs` leaves, and none from what is ready', async () => {
  let now = 0
  let most = 0
  const waits = Object.fromEntries(Array.from({ length: 30 }, (_, number) => [`b${number}@n`, ['a0@n']]))
  const counted = (name: string) =>
    task(async ({ sleep }) => {
      most = Math.max(most, ++now)
      await sleep(name.startsWith('a') ? 1 : 10)
      now--
      return done
    })
  await run(planOf({ 'a0@n': [], ...waits }), builtBefore(counted), { jobs: 4 })
  // What became ready while three looks were under way.
  expect(most).toBeLessThanOrEqual(4 + 3)
  expect(most).toBeGreaterThanOrEqual(4)

  // Three looks at a machine that is off take all the room that is left; what is ready goes on.
  const off = Object.fromEntries(['x', 'y', 'z'].map((name) => [`${name}@off`, ['first@off']]))
  const plan = planOf({ 'first@off': [], ...off, 'a@n': [], 'b@n': ['a@n'], 'c@n': ['b@n'] })
  const hangs = () =>
    task(async ({ node, sleep }) => {
      await sleep(node.name === 'off' ? 50 : 1)
      if (node.name === 'off') throw new Error('no answer')
      return done
    })
  const { events } = await run(plan, { ...builtBefore(hangs), wasDone: ({ node }) => node === 'off' }, { jobs: 5 })
  const ended = events.findIndex(({ type, ...rest }) => type === 'task-skipped' && 'id' in rest && rest.id === 'c@n')
  const failed = events.findIndex(({ type }) => type === 'task-failed')
  expect(ended).toBeLessThan(failed)
})

test('what was held back is not spoken of any more, and its look is ended with the run', async () => {
  let isStopped = false
  const tasks: Record<string, Task> = {
    a: task(async () => Promise.reject(new Error('no answer'))),
    b: task(async ({ say, signal, sleep }) => {
      signal.addEventListener('abort', () => {
        isStopped = true
      })
      await sleep(5).catch(() => {})
      say('still here')
      await sleep(40)
      return done
    }),
    c: task(async ({ sleep }) => {
      await sleep(20)
      return done
    }),
  }
  const plan = planOf({ 'a@n': [], 'b@n': ['a@n'], 'c@n': [] })
  const { lines, seconds } = await run(
    plan,
    builtBefore((name) => tasks[name] as Task),
    { jobs: 8 },
  )
  expect(lines).toContain('task-skipped b@n')
  expect(lines).not.toContain('task-output b@n')
  expect(isStopped).toBeTrue()
  expect(seconds).toBe(20)
})

test('a stop ends the looks, and each instance says so once', async () => {
  const stop = new AbortController()
  let stopped = 0
  const looks = task(async ({ sleep, signal }) => {
    signal.addEventListener('abort', () => void stopped++)
    setImmediate(() => stop.abort())
    await sleep(30)
    return done
  })
  const { outcome, lines } = await run(
    chain,
    builtBefore(() => looks),
    { jobs: 3 },
    stop.signal,
  )
  expect(outcome.result).toBe('interrupted')
  expect(stopped).toBe(3)
  expect(lines.filter((line) => line.startsWith('task-skipped')).toSorted()).toEqual(
    ['a@n', 'b@n', 'c@n', 'd@n'].map((id) => `task-skipped ${id}`),
  )
})

test('a stop ends the looks at once, whatever else takes its time', async () => {
  const stop = new AbortController()
  const { events, emit } = recording()
  let before: readonly string[] = ['never ended']
  const tasks: Record<string, Task> = {
    a: task(() => new Promise(() => {})),
    b: task(async ({ signal }) => {
      // Before the clock of this world jumps.
      queueMicrotask(() => stop.abort())
      await new Promise((_, reject) => signal.addEventListener('abort', reject, { once: true })).finally(() => {
        before = outline(events)
      })
      return done
    }),
  }
  const world = builtBefore((name) => tasks[name] as Task)
  await execute(planOf({ 'a@n': [], 'b@n': ['a@n'] }), world, emit, { jobs: 3 }, stop.signal)
  expect(before).toEqual(['run-started'])
})

test('what contexts have seen is not shared while something is changed, nor after a failure', async () => {
  const told: string[] = []
  const looks = {
    changeBegins: () => {
      told.push('change begins')
      return () => void told.push('change ends')
    },
    forget: () => void told.push('forget'),
  }
  let runs = 0
  const flaky = task(
    async () => doneIf(runs > 1, 'not made'),
    async ({ sleep }) => {
      told.push('run')
      await sleep(1)
      if (++runs === 1) throw new TaskError({ kind: 'command', message: 'no answer yet' })
    },
  )
  await run(planOf({ 'a@n': [] }, { retries: 1 }), { ...fakeWorld(() => flaky), looks }, { jobs: 1 })
  expect(told).toEqual(['change begins', 'run', 'change ends', 'forget', 'change begins', 'run', 'change ends'])
})

test('what is forced is not asked ahead', async () => {
  const looked: string[] = []
  const looks = (name: string) =>
    task(async ({ sleep }) => {
      looked.push(name)
      await sleep(1)
      return done
    })
  const limits = { jobs: 8, force: new Set(['c@n', 'd@n'] as const) }
  const { lines } = await run(chain, builtBefore(looks), limits)
  expect(lines.filter((line) => line.startsWith('task-started'))).toEqual(['task-started c@n', 'task-started d@n'])
  // Before and after each of their runs.
  expect(looked.filter((name) => name === 'c' || name === 'd')).toHaveLength(4)
})

test('a dry run looks ahead as well', async () => {
  const looks = (name: string) =>
    task(async ({ sleep }) => {
      await sleep(10)
      return name === 'd' ? pending('to do') : done
    })
  const { outcome, seconds } = await run(chain, builtBefore(looks), { jobs: 8, dryRun: true })
  expect(outcome.pending).toEqual(['d@n'])
  expect(seconds).toBe(20)
})
