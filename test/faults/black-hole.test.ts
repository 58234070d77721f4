import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { EventBody } from '../../lib/event/event.ts'
import { sshConnection } from '../../lib/host/ssh.ts'
import { toFailure } from '../../lib/host/to-failure.ts'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import { execute } from '../../lib/run/execute.ts'
import { contextMaker } from '../../lib/run/task-context.ts'
import { oneLiner } from '../../lib/task/one-liner.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { sshdPath, startSshd } from '../host/sshd.ts'
import { fakeWorld } from '../run/fake-world.ts'
import { startForwarder } from './forwarder.ts'
import { nodeOn, sshLab } from './ssh-lab.ts'

test.skipIf(!sshdPath)(
  'a link that swallows everything without a reset is noticed by keepalive, said, and opened again within the task',
  async () => {
    const sshd = await startSshd()
    const between = await startForwarder(sshd.port)
    const lab = sshLab()
    const { folder } = lab
    // The engine as it is, but for its patience: a lab waits 45 s for an answer.
    const target = { ...sshd.target(), port: between.port }
    const connection = sshConnection({ name: 'pi', target, hostKeys: target.hostKeys as never, keepaliveSeconds: 3 })
    try {
      lab.config(
        { pi: nodeOn(sshd, between.port) },
        `  slow:
    on: pi
    timeout: 10m
    check: test -e ${folder}/done
    sh: |
      if mkdir ${folder}/begun; then (exec -a ${folder}/waits sleep 1000); fi
      touch ${folder}/done
`,
      )
      const loaded = loadTopology(lab.read('kedge.config.yaml'), join(folder, 'kedge.config.yaml'), {
        tasks: new Set(),
        base: lab.read('kedge.config.yaml'),
      })
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
      const { topology } = loaded
      const sleep = (seconds: number, signal: AbortSignal) =>
        new Promise<void>((resolve, reject) => {
          const timer = setTimeout(resolve, seconds * 1000)
          signal.addEventListener('abort', () => {
            clearTimeout(timer)
            reject(signal.reason)
          })
        })
      const context = contextMaker({
        topology,
        connection: () => connection,
        bundle: () => {
          throw new Error('no bundle')
        },
        secret: (value) => value as never,
        stateFolder: folder,
        sleep,
      })
      const [wiring] = topology.tasks
      const world = { ...fakeWorld(() => oneLiner(wiring as { sh: string })), context, toFailure, sleep }
      const events: EventBody[] = []
      const run = execute(buildPlan(topology), world, (event) => events.push(event), { jobs: 1 }, AbortSignal.any([]))
      while (!existsSync(join(folder, 'begun'))) await Bun.sleep(20)
      between.swallow()
      const isRetrying = () => events.some(({ type }) => type === 'task-retrying')
      while (!isRetrying()) await Bun.sleep(20)
      between.pass()
      expect(await run).toMatchObject({ result: 'ok' })
      const failures = events.flatMap((event) => (event.type === 'task-retrying' ? [event.failure] : []))
      expect(failures[0]).toMatchObject({
        kind: 'unreachable',
        message: expect.stringContaining('the connection was lost while a command ran: the host stopped answering'),
      })
    } finally {
      await connection.close()
      lab.remove()
      await between.stop()
      await sshd.stop()
    }
  },
  120_000,
)
