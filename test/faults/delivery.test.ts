import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { piecesFolder } from '../../lib/bundle/deliver.ts'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { entryOf, makeBundle, writeManifest } from '../bundle/make-bundle.ts'
import { type CoveredMachine, canCover, coveredMachine } from './covered-machine.ts'
import { type Forwarder, startForwarder } from './forwarder.ts'
import { nodeOn, type SshLab, sshLab, until } from './ssh-lab.ts'

const mebibyte = 1024 * 1024
const content = randomBytes(12 * mebibyte)
const sha256 = createHash('sha256').update(content).digest('hex')
const part = `${piecesFolder}/.kedge-${sha256}.part`

let lab: SshLab
let machine: CoveredMachine
let between: Forwarder
beforeEach(async () => {
  if (!canCover) return
  lab = sshLab()
  for (const name of ['bin', 'scratch']) mkdirSync(join(lab.folder, name))
  writeFileSync(join(lab.folder, 'script'), held(lab.folder), { mode: 0o755 })
  for (const name of ['sync', 'mv', 'install']) symlinkSync('../script', join(lab.folder, 'bin', name))
  machine = await coveredMachine(join(lab.folder, 'scratch'), ['/var/lib', '/usr/local'], join(lab.folder, 'bin'))
  between = await startForwarder(machine.sshd.port)
  writeFileSync(lab.knownHosts, `[127.0.0.1]:${between.port} ${machine.sshd.hostKeyLine}\n`)
  const bundle = makeBundle([{ name: 'keadm' }])
  const entry = { ...entryOf({ name: 'keadm' }), sizeBytes: content.length, sha256 }
  writeFileSync(join(bundle, entry.path), content)
  writeManifest(bundle, { version: 1, pieces: [entry] })
  const node = nodeOn(machine.sshd, between.port).replace('role: edge', 'role: control-plane')
  const more = `bundle: ${bundle}\nkubeedge: { version: 1.23.1 }\n`
  lab.config({ pi: node }, '  install-cloudcore: { on: pi, timeout: 10m }\n', more)
})
afterEach(async () => {
  if (!canCover) return
  lab.remove()
  await between.stop()
  await machine.stop()
})

/** On the machine: where `stop` names the program and it is about the piece, it says so and waits to be ended. */
const held = (folder: string) => `#!/bin/bash
name=\${0##*/}
case " $* " in *${sha256}*)
  if [ "$(cat ${folder}/stop 2> /dev/null)" = $name ]; then touch ${folder}/held; sleep 1000; fi ;;
esac
exec /usr/bin/$name "$@"
`

/** Whatever has a piece's name on the machine is the piece. Returns what has arrived of the one that is on its way. */
function arrivedBytes(): number {
  const names = machine.onNode(`cd ${piecesFolder} && ls -A`).split('\n').filter(Boolean)
  for (const name of names.filter((each) => /^[0-9a-f]{64}$/.test(each)))
    expect(machine.onNode(`sha256sum < ${piecesFolder}/${name}`)).toStartWith(name)
  if (names.includes(sha256)) return content.length
  return Number(machine.onNode(`stat -c %s ${part} 2> /dev/null || echo 0`))
}

/** Starts kedge, and kills it when that is so; comes back when the machine has noticed. */
async function killedWhen(isSo: () => boolean): Promise<number> {
  const before = between.passedBytes
  const run = lab.start('run', 'all')
  await until(() => isSo())
  process.kill(run.pid, 'SIGKILL')
  await run.ended
  await between.refuse()
  await between.listen()
  machine.onNode(`[ ! -e ${part} ] || flock ${part} true`)
  between.mostBytes = Number.POSITIVE_INFINITY
  return between.passedBytes - before
}

describe.skipIf(!canCover)('kedge that is killed while it brings a piece to a machine', () => {
  test('leaves nothing that passes for the piece, and the next run sends the rest', async () => {
    const random = seededRandom(Number(process.env.KEDGE_SEED ?? 20261122))
    // What SSH itself takes: its handshake, the commands' scripts, its frames.
    const most = (bytes: number) => bytes * 1.02 + mebibyte
    let arrived = 0
    for (let kill = 0; kill < 3; kill++) {
      const limit = between.passedBytes + 200_000 + Math.floor(random() * (content.length - arrived - 2 * mebibyte))
      between.mostBytes = limit
      await killedWhen(() => between.passedBytes >= limit)
      const now = arrivedBytes()
      expect(now).toBeGreaterThanOrEqual(arrived)
      expect(now).toBeLessThan(content.length)
      arrived = now
    }
    expect(arrived).toBeGreaterThan(0)
    for (const stop of ['sync', 'mv', 'install']) {
      writeFileSync(join(lab.folder, 'stop'), stop)
      const sent = await killedWhen(() => existsSync(join(lab.folder, 'held')))
      expect(sent).toBeLessThan(most(content.length - arrived))
      arrived = arrivedBytes()
      expect(arrived).toBe(content.length)
      rmSync(join(lab.folder, 'held'))
      rmSync(join(lab.folder, 'stop'))
    }
    const before = between.passedBytes
    const { exitCode, stderr } = await lab.kedge('run', 'all')
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(between.passedBytes - before).toBeLessThan(most(0))
    expect(machine.onNode('sha256sum < /usr/local/bin/keadm')).toStartWith(sha256)
    expect(existsSync('/usr/local/bin/keadm') && readFileSync('/usr/local/bin/keadm').equals(content)).toBe(false)
  }, 300_000)
})
