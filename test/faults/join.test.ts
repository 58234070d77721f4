import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { caHash, tokenAndCaJson, tokenOf } from '../kubeedge/make-token.ts'
import { tokenFile } from '../tasks/fake-edge.ts'
import { canCover } from './covered-machine.ts'
import { type EdgeLab, edgeLab } from './edge-lab.ts'
import type { Finished } from './ssh-lab.ts'

const ports = [10000, 10002, 10004]
const inHours = (hours: number) => new Date(Date.now() + hours * 3600_000)
const good = tokenOf(caHash, inHours(20), 'the key of now')
const earlier = tokenOf(caHash, inHours(10), 'the key of before')
const cause = ({ stderr }: Finished) => /^ {2}cause +(.*)$/m.exec(stderr)?.[1]
const cure = ({ stderr }: Finished) => /^ {2}cure +(.*)$/m.exec(stderr)?.[1]

let lab: EdgeLab
describe.skipIf(!canCover)('the join of an edge', () => {
  beforeAll(async () => {
    lab = await edgeLab()
  }, 60_000)
  afterAll(() => lab?.stop(), 60_000)
  beforeEach(async () => {
    await lab.openPorts(...ports)
    lab.set('secrets', tokenAndCaJson(good))
    lab.set('secrets.next', tokenAndCaJson(good))
    lab.set('accepted', `${good}\n`)
  })
  afterEach(async () => {
    await lab.closePorts()
    lab.set('ahead')
    lab.onNode(`rm -rf /etc/kubeedge /var/lib/kedge; rm -f ${lab.folder}/state/{joined,restarts,joins,journal}`)
  })

  /** The faults of which only edgecore's journal tells; `later` is what the cluster holds when somebody runs it again. */
  test.each([
    [
      'a token that has expired',
      'panic: failed to apply the edge certs, err: failed to get edge certificate from the cloudcore, error: failed to call http, code: 401, message: token validation failure, err: Token is expired',
      'the join token has expired',
      tokenAndCaJson(tokenOf(caHash, inHours(-1))),
    ],
    [
      'a token of another CA',
      'E1122 05:00:00.1   7 certmanager.go:1] failed to validate CA certificate. tokenCAhash: 12ab, CAhash: 34cd',
      'the join token belongs to another CA',
      tokenAndCaJson(tokenOf('0'.repeat(64), inHours(10))),
    ],
  ])(
    'with %s: named with its cure, and cured by running it again, which makes a new one',
    async (_, words, named, later) => {
      lab.set('secrets', tokenAndCaJson(earlier))
      lab.set('words', `${words}\n`)
      const failed = await lab.kedge('run', 'join-edge')
      expect({ ...failed }).toMatchObject({ exitCode: 5, stderr: expect.stringContaining(words) })
      expect(cause(failed)).toContain(named)
      expect(cure(failed)).toContain('kedge run join-edge --on edge-1')
      expect(lab.count('restarts')).toBe(0)

      lab.set('secrets', later)
      const again = await lab.kedge('run', 'join-edge', '--on', 'edge-1')
      expect(again).toMatchObject({ exitCode: 0 })
      expect([lab.count('restarts'), lab.count('joins')]).toEqual([1, 2])
      for (const text of [failed, again].map(({ stdout, stderr }) => stdout + stderr))
        for (const token of [good, earlier]) expect(text).not.toContain(token.split('.').at(-1) as string)
      expect(await lab.kedge('run', 'join-edge')).toMatchObject({ exitCode: 0 })
      expect(lab.count('joins')).toBe(2)
    },
    300_000,
  )

  test('with a token that was cut short on its way to the edge: keadm never gets to see it', async () => {
    expect(await lab.kedge('run', 'send-token')).toMatchObject({ exitCode: 0 })
    expect(lab.onNode(`stat -c %a ${tokenFile}; truncate -s 100 ${tokenFile}`)).toBe('600\n')
    expect(await lab.kedge('run', 'join-edge', '--only')).toMatchObject({ exitCode: 0 })
    expect([lab.count('restarts'), lab.count('joins')]).toEqual([0, 1])
    expect(lab.onNode(`ls ${tokenFile}`)).toBe('')
  }, 300_000)

  test('with a token that the cluster itself has cut short: refused with the cure before keadm is asked, and cured by it', async () => {
    lab.set('secrets', tokenAndCaJson(earlier.slice(0, 100)))
    const failed = await lab.kedge('run', 'join-edge', '--only')
    expect({ ...failed }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('edge-1 cannot join: the token is damaged: it is not hash.JWT'),
    })
    expect(cure(failed)).toContain('kedge run get-token join-edge --on edge-1')
    expect(lab.count('joins')).toBe(0)
    expect(await lab.kedge('run', 'get-token', 'join-edge', '--on', 'edge-1')).toMatchObject({ exitCode: 0 })
    expect([lab.count('restarts'), lab.count('joins')]).toEqual([1, 1])
  }, 300_000)

  test.each([10000, 10002])(
    'with port %d closed: said which and where, before keadm waits for it; cured by opening it',
    async (closed) => {
      await lab.closePorts()
      await lab.openPorts(...ports.filter((port) => port !== closed))
      const failed = await lab.kedge('run', 'join-edge')
      expect({ ...failed }).toMatchObject({
        exitCode: 5,
        stderr: expect.stringContaining(`edge-1 does not reach CloudCore on ${lab.address}, port ${closed}`),
      })
      expect(cure(failed)).toContain('kedge run open-ports init-cloudcore')
      expect(lab.count('joins')).toBe(0)
      await lab.openPorts(closed)
      expect(await lab.kedge('run', 'join-edge')).toMatchObject({ exitCode: 0 })
      expect(lab.count('joins')).toBe(1)
    },
    300_000,
  )

  test('with a clock that is an hour behind: both times and the cure, and no certificate is asked for', async () => {
    lab.set('ahead', '-3600')
    const failed = await lab.kedge('run', 'join-edge')
    expect(failed.exitCode).toBe(5)
    const said =
      /the clock of edge-1 is (\d+) s behind this machine's: it says (\S+Z), and here it is (\S+Z)/.exec(
        failed.stderr,
      ) ?? []
    expect(Number(said[1])).toBeWithin(3500, 3700)
    expect((Date.parse(said[3] ?? '') - Date.parse(said[2] ?? '')) / 1000).toBeWithin(3500, 3700)
    expect(cure(failed)).toContain('kedge ssh edge-1 -- sudo date -s @$(date +%s)')
    expect(lab.count('joins')).toBe(0)
    expect(lab.onNode('ls -A /etc/kubeedge')).toBe('')
    lab.set('ahead')
    expect(await lab.kedge('run', 'join-edge')).toMatchObject({ exitCode: 0 })
  }, 300_000)
})
