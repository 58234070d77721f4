import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { TaskError } from '../../lib/event/failure.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { reasonIn, unitLog, withJournalOf } from '../../lib/task/reason.ts'
import { pending, type TaskContext } from '../../lib/task/task.ts'
import { untilDone } from '../../lib/task/until-done.ts'
import { tokenOf } from '../kubeedge/make-token.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'

const fixture = (path: string) => readFileSync(new URL(`../fixtures/${path}.txt`, import.meta.url), 'utf8')
const healthy = fixture('journals/healthy-edgecore')

describe('what a log comes to', () => {
  test('its errors, and the cause that one of all the lines gives', () => {
    const fatal = fixture('failures/address-not-in-certificate').split('\n')[1] as string
    expect(reasonIn([...healthy.split('\n'), fatal], 'edge-2')).toEqual({
      lines: [fatal],
      cause: "CloudCore's certificate does not name 192.168.24.9, where this edge reaches it",
      cure: 'kedge run init-cloudcore',
    })
  })
  test('a complaint that comes back every few seconds is shown once, as it was said last', () => {
    const line = (at: string) => `E0302 16:52:${at}    15277 common.go:101] connect error: Network Error`
    expect(reasonIn([line('06.668784'), line('11.700001')], 'n')?.lines).toEqual([line('11.700001')])
  })
  test('without an error its last lines, without a line nothing', () => {
    expect(reasonIn(['one', '', 'two'], 'n')).toEqual({ lines: ['one', 'two'] })
    expect(reasonIn(['', ' '], 'n')).toBeUndefined()
  })
  test('no token stands in it, not even one that kedge never saw: edgecore prints what it cannot take apart', () => {
    const token = tokenOf('a1'.repeat(32), new Date('2026-01-01T00:00:00Z'), crypto.randomUUID())
    const line = `panic: failed to apply the edge certs, err: token ${token} credentials are in the wrong format`
    const found = JSON.stringify(reasonIn([line, token.slice(65)], 'n'))
    for (const part of token.split('.')) expect(found).not.toContain(part)
    expect(found).toContain('token *** credentials are in the wrong format')
  })
})

const unit = 'LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nNRestarts=12\n\n'
const state = 'edgecore is activating (auto-restart), restarted 12 times'

describe('a command that fails', () => {
  const journal = (text: string) =>
    sceneOn('edge-1', { rules: { 'edge-1': [[/^systemctl show edgecore /, unit + text]] } })
  const fails =
    (line: string, kind: 'command' | 'bug' = 'command') =>
    async () => {
      throw kind === 'bug' ? new Error(line) : new TaskError({ kind, message: 'keadm failed', lastLines: [line] })
    }
  const failed = async (ctx: TaskContext, work: () => Promise<never>) =>
    toFailure(await withJournalOf(ctx, 'edgecore', work).catch((error) => error))
  const vague = 'Error: edge node join failed: timed out waiting for the condition'
  const kubelet = fixture('failures/kubelet-on-edge').split('\n')[1] as string

  test('that waited in vain gets the cause from the journal of that time', async () => {
    const { ctx, steps } = journal(`${healthy}${kubelet}\n`)
    expect(await failed(ctx, fails(vague))).toEqual({
      kind: 'command',
      message: 'keadm failed',
      lastLines: [vague, state, kubelet],
      cause: 'a kubelet runs on edge-1, and edgecore does not start beside one',
      cure: 'kedge ssh edge-1 -- sudo systemctl disable --now kubelet',
    })
    expect(steps.at(-1)).toMatch(/\njournalctl -u edgecore --since=-[12]s -n 200 -o cat --no-pager/)
  })
  test('that says itself what is wrong is believed', async () => {
    const { ctx } = journal(`${kubelet}\n`)
    const own = 'Error: EdgeCore is already running on this node, please run reset to clean up first'
    expect((await failed(ctx, fails(own))).cause).toBe('edgecore of an earlier join still runs on edge-1')
  })
  test('without a known line: the last error is the cause', async () => {
    const { ctx } = journal(`${healthy}E1122 10:00:00.1  77 made.go:1] nobody knows this\n`)
    expect(await failed(ctx, fails(vague))).toMatchObject({
      cause: 'edgecore says: E1122 10:00:00.1  77 made.go:1] nobody knows this',
      cure: 'kedge why edge-1',
    })
  })
  test('with an empty journal, with none, or for a bug: as it was', async () => {
    const own = { kind: 'command', message: 'keadm failed', lastLines: [vague] }
    expect(await failed(journal('').ctx, fails(vague))).toEqual(own as never)
    expect(await failed(sceneOn('edge-1', { rules: {} }).ctx, fails(vague))).toEqual(own as never)
    const { ctx, steps } = journal(kubelet)
    expect((await failed(ctx, fails('undefined is not a function', 'bug'))).kind).toBe('bug')
    expect(steps).toEqual([])
  })
  test('one that ends well is asked nothing', async () => {
    const { ctx, steps } = journal(kubelet)
    expect(await withJournalOf(ctx, 'edgecore', async () => 7)).toBe(7)
    expect(steps).toEqual([])
  })
})

test.each([
  ['LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0', 'active', 0],
  ['LoadState=loaded\nActiveState=failed\nSubState=failed\nNRestarts=5', 'failed', 5],
  ['LoadState=loaded\nActiveState=inactive\nSubState=dead\nNRestarts=0', 'inactive', 0],
  ['LoadState=not-found\nActiveState=inactive\nSubState=dead', 'not-found', 0],
  ['', '', 0],
])('a unit’s state: %j', async (text, state, restarts) => {
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [[/^systemctl show x /, `${text}\n\none\n\ntwo\n`]] } })
  const found = await unitLog(ctx.host, 'x')
  expect(found).toEqual({ state, restarts, log: ['one', 'two'] })
})

describe('what is waited for', () => {
  const waiting = async (look: () => Promise<undefined | { lines: string[]; cause: string; cure: string }>) => {
    const over = new AbortController()
    const { ctx } = sceneOn('edge-1', { onSleep: (count) => void (count === 35 && over.abort()) })
    const bound = {
      ...ctx,
      signal: over.signal,
      async sleep(seconds: number) {
        over.signal.throwIfAborted()
        await ctx.sleep(seconds)
      },
    }
    let looks = 0
    const counted = () => {
      looks++
      return look()
    }
    const error = await untilDone(bound, async () => pending('not Ready'), counted).catch((thrown) => thrown)
    return { looks, failure: toFailure(error) }
  }
  test('at the end of the time: what was missing last, and what a look while there was time has found', async () => {
    const { looks, failure } = await waiting(async () => ({ lines: ['E1 x'], cause: 'the cause', cure: 'kedge x' }))
    expect(looks).toBe(2)
    expect(failure).toEqual({
      kind: 'timeout',
      message: 'still waiting: not Ready',
      lastLines: ['E1 x', 'not Ready'],
      cause: 'the cause',
      cure: 'kedge x',
    })
  })
  test('a look that fails is no failure', async () => {
    const { failure } = await waiting(() => Promise.reject(new Error('no journal')))
    expect(failure).toEqual({ kind: 'timeout', message: 'still waiting: not Ready', lastLines: ['not Ready'] })
  })
  test('a check that fails while there is time fails as it is', async () => {
    const { ctx } = sceneOn('edge-1')
    const broken = () => Promise.reject(new TaskError({ kind: 'command', message: 'kubectl failed' }))
    expect(await failureOf(untilDone(ctx, broken))).toBe('command: kubectl failed')
  })
})
