import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Sshd, sshdPath, startSshd } from '../host/sshd.ts'
import { nodeOn, processesNaming, type SshLab, sshLab, until } from './ssh-lab.ts'

let sshd: Sshd
let lab: SshLab
beforeEach(async () => {
  sshd = await startSshd()
  lab = sshLab([sshd])
})
afterEach(async () => {
  lab.remove()
  await sshd.stop()
})

test.skipIf(!sshdPath)(
  'a command that never ends on a node: its time is up, its whole group is gone, and the next run is as any other',
  async () => {
    const { folder } = lab
    lab.config(
      { pi: nodeOn(sshd) },
      `  beside: { on: pi, sh: 'touch ${folder}/beside' }
  endless:
    on: pi
    needs: [beside]
    timeout: 5s
    check: test -e ${folder}/cured
    sh: |
      sh -c "trap true TERM; while :; do sleep 1; done" ${folder}/deaf &
      sleep 1000
`,
    )
    const { exitCode, stderr } = await lab.kedge('run', 'all')
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('endless@pi: not done within its timeout of 5 s'),
    })
    expect(stderr).toContain('kedge run endless --on pi')
    expect(existsSync(join(folder, 'beside'))).toBe(true)
    await until(() => processesNaming(join(folder, 'deaf')).length === 0)
    await Bun.write(join(folder, 'cured'), '')
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
  },
  120_000,
)
