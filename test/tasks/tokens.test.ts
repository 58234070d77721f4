import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import getToken from '../../tasks/get-token.ts'
import sendToken from '../../tasks/send-token.ts'
import { caHash, caKey, tokenAndCaJson, tokenOf } from '../kubeedge/make-token.ts'
import { sceneOn } from './context.ts'
import { fakeEdge, newToken, tokenFile } from './fake-edge.ts'

const inHours = (hours: number) => new Date(Date.now() + hours * 3600_000)
const goodToken = newToken()
const expired = tokenOf(caHash, inHours(-1))

/** A master whose tokensecret is one of these from question to question. */
function master(tokens: readonly (string | undefined)[], onSleep?: () => void) {
  const rules: Rule[] = [
    [/get -n kubeedge secret tokensecret casecret /, tokens.map((token) => tokenAndCaJson(token))],
    [/delete secret tokensecret|rollout restart/, ''],
  ]
  const scene = sceneOn('master', { rules: { master: rules }, ...(onSleep ? { onSleep } : {}) })
  const changes = () =>
    scene.steps
      .filter((step) => !step.includes(' get '))
      .map((step) => step.replace(/^master\$ kubectl --kubeconfig=\S+ /, ''))
  return { ...scene, changes }
}
const restart = [
  '-n kubeedge delete secret tokensecret --ignore-not-found',
  '-n kubeedge rollout restart deployment cloudcore',
]

describe('get-token: check', () => {
  test('a token that is good for the join is enough', async () =>
    expect(await getToken.check(master([goodToken]).ctx)).toEqual({ done: true }))
  test('token and CA are one question, since each costs an emulated node a good part of a second', async () => {
    const { ctx, steps } = master([goodToken])
    await getToken.check(ctx)
    expect(steps).toHaveLength(1)
  })
  test('before CloudCore has made either, there is none yet', async () => {
    const { ctx } = sceneOn('master', { rules: { master: [[/tokensecret casecret/, '']] } })
    expect(await getToken.check(ctx)).toEqual({ done: false, why: 'there is no token yet' })
  })
  test.each([
    ['there is none yet', undefined, /^there is no token yet$/],
    ['it is empty', '', /^there is no token yet$/],
    ['it has expired', expired, /^the token expired at /],
    ['it expires in four minutes', tokenOf(caHash, inHours(4 / 60)), /^the token expires at /],
    ['it is of another CA', tokenOf('0'.repeat(64), inHours(20)), /^the token belongs to another CA /],
    ['it is cut short', goodToken.slice(0, 80), /^the token is damaged/],
  ])('%s', async (_, token, why) => {
    expect(await getToken.check(master([token]).ctx)).toEqual({ done: false, why: expect.stringMatching(why) } as never)
  })
})

describe('get-token: run', () => {
  test('waits for the token, which comes some seconds after CloudCore', async () => {
    const { ctx, changes, sleeps } = master([undefined, undefined, undefined, goodToken])
    await getToken.run(ctx)
    expect(changes()).toEqual([])
    expect(sleeps).toEqual([0.5, 0.5])
  })

  test('does not throw away a good one that came between the check and the run', async () => {
    const { ctx, changes } = master([undefined, goodToken])
    expect((await getToken.check(ctx)).done).toBe(false)
    await getToken.run(ctx)
    expect(changes()).toEqual([])
  })

  test.each([
    ['an expired one, which CloudCore serves for ever', expired],
    ['one of another CA', tokenOf('0'.repeat(64), inHours(20))],
    ['a damaged one', 'x.y.z'],
  ])('%s is deleted before CloudCore is restarted for another', async (_, token) => {
    const { ctx, changes, said } = master([token, undefined, goodToken])
    await getToken.run(ctx)
    expect(changes()).toEqual(restart)
    expect(said[0]).toBe('restarting CloudCore for a new token')
  })
})

test("neither the token nor the CA's key reaches the log, plain or in base64", async () => {
  const [old, fresh] = [tokenOf(caHash, inHours(-2), crypto.randomUUID()), newToken()]
  const { ctx, log, host } = master([old, old, fresh])
  await getToken.check(ctx)
  await getToken.run(ctx)
  const all = [...log, ...host('master').commands].join('\n')
  for (const secret of [old, fresh, caKey]) {
    expect(all).not.toContain(secret)
    expect(all).not.toContain(Buffer.from(secret).toString('base64'))
  }
})

describe('send-token', () => {
  const whole = { service: 'active', certificates: true, leftovers: true, node: 'ready', token: false } as const

  test('an edge that has joined needs none, and is not asked for one', async () => {
    const { ctx, steps } = fakeEdge(whole)
    expect(await sendToken.check(ctx)).toEqual({ done: true })
    expect(steps.join('\n')).not.toContain('tokensecret')
  })

  test.each([
    ['service', { service: 'inactive' as const }],
    ['certificates', { certificates: false }],
    ['node', { node: 'absent' as const }],
  ])('an edge without its %s does', async (_, parts) => {
    expect(await sendToken.check(fakeEdge({ ...whole, ...parts }).ctx)).toEqual({
      done: false,
      why: 'the edge does not have the current token',
    })
  })

  test('writes it for root alone, and has then done so; a token of yesterday is replaced', async () => {
    for (const found of [undefined, `${expired}\n`]) {
      const { ctx, file, mode, changes, token } = fakeEdge({ ...whole, node: 'absent' })
      if (found) await ctx.host.write(tokenFile, found)
      expect((await sendToken.check(ctx)).done).toBe(false)
      await sendToken.run(ctx)
      expect(file('edge-1', tokenFile)).toBe(token)
      expect(mode('edge-1', tokenFile)).toBe('600')
      expect(changes().at(-1)).toBe(`edge-1$ write ${tokenFile}`)
      expect(await sendToken.check(ctx)).toEqual({ done: true })
    }
  })

  test('no token on either side is not the same token', async () => {
    const { ctx } = sceneOn('edge-1', {
      files: { 'edge-1': { [tokenFile]: '' } },
      rules: {
        'edge-1': [[/^echo "service /, 'service inactive\n']],
        master: [[/tokensecret casecret/, tokenAndCaJson()]],
      },
    })
    expect((await sendToken.check(ctx)).done).toBe(false)
  })
})
