import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fingerprint, generateKeyPair, parsePublicLine } from '../../lib/host/keys.ts'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { type Forwarder, startForwarder } from './forwarder.ts'
import { nodeOn, type SshLab, sshLab, until } from './ssh-lab.ts'

let sshd: Sshd
let between: Forwarder
let lab: SshLab
beforeEach(async () => {
  sshd = await startSshd()
  between = await startForwarder(sshd.port)
  lab = sshLab([sshd, { ...sshd, port: between.port }])
})
afterEach(async () => {
  lab.remove()
  await between.stop()
  await sshd.stop()
})

/** Waits for ever the first time, in a process that the test can find; is done at once the second time. */
const waitsOnce = (folder: string) => `  slow:
    on: pi
    check: test -e ${folder}/done
    sh: |
      if mkdir ${folder}/begun; then (exec -a ${folder}/waits sleep 1000); fi
      touch ${folder}/done
`

describe.skipIf(!sshdPath)('the link to a node', () => {
  test('is cut in the middle of a command: said, opened again, and the task done in the same run', async () => {
    const { folder } = lab
    lab.config({ pi: nodeOn(sshd) }, waitsOnce(folder))
    const run = lab.start('run', 'all')
    await until(() => existsSync(join(folder, 'begun')))
    sshd.cutConnections()
    const { exitCode, stderr } = await run.ended
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(stderr).toContain(`:${sshd.port}: the connection was lost while a command ran`)
    expect(existsSync(join(folder, 'done'))).toBe(true)
  }, 120_000)

  test('is gone for good: unreachable, exit 4, why; the same run goes on once it is back', async () => {
    const { folder } = lab
    const config = (timeout: string) =>
      lab.config(
        { pi: nodeOn(sshd, between.port) },
        `  first: { on: pi, timeout: ${timeout}, check: 'test -e ${folder}/done', sh: 'touch ${folder}/done' }\n  then: { on: pi, needs: [first], sh: 'true' }\n`,
      )
    config('6s')
    await between.refuse()
    const { exitCode, stderr } = await lab.kedge('run', 'all')
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining(`:${between.port}: nothing listens on this port`),
    })
    expect(stderr).toContain('kedge run all')
    await between.listen()
    // A busy machine may take its time over what works.
    config('1m')
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
  }, 120_000)

  test('swallows everything without a reset: the time of the task is kept, and the next run is as any other', async () => {
    const { folder } = lab
    lab.config({ pi: nodeOn(sshd, between.port) }, waitsOnce(folder).replace('on: pi', 'on: pi\n    timeout: 10s'))
    const run = lab.start('run', 'all')
    await until(() => existsSync(join(folder, 'begun')))
    between.swallow()
    const { exitCode, stderr } = await run.ended
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('slow@pi: not done within its timeout of 10 s'),
    })
    between.pass()
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
  }, 120_000)

  test('leads to another host key than before: refused, never accepted, cured by the words that it says', async () => {
    const { folder, knownHosts } = lab
    lab.config({ pi: nodeOn(sshd) }, `  mark: { on: pi, sh: 'touch ${folder}/mark' }\n`)
    const oldKey = generateKeyPair('old').publicLine
    const old = `[127.0.0.1]:${sshd.port} ${oldKey}\n`
    await Bun.write(knownHosts, old)
    const { exitCode, stderr } = await lab.kedge('run', 'all')
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining(`The host key of [127.0.0.1]:${sshd.port} has changed`),
    })
    for (const line of [oldKey, sshd.hostKeyLine]) expect(stderr).toContain(fingerprint(parsePublicLine(line).blob))
    const name = `'?\\[127.0.0.1\\]:${sshd.port}'?`
    expect(stderr).toMatch(new RegExp(`ssh-keygen -f '?${knownHosts}'? -R ${name}`))
    expect(existsSync(join(folder, 'mark'))).toBe(false)
    expect(readFileSync(knownHosts, 'utf8')).toBe(old)

    Bun.spawnSync(['ssh-keygen', '-f', knownHosts, '-R', `[127.0.0.1]:${sshd.port}`])
    const unknown = await lab.kedge('run', 'all')
    expect(unknown).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('is not known: ssh-ed25519 SHA256:') })
    expect(existsSync(join(folder, 'mark'))).toBe(false)
    appendFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`)
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
  }, 120_000)
})
