import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sshdPath, startSshd } from '../host/sshd.ts'
import { nodeOn, sshLab } from './ssh-lab.ts'

test.skipIf(!sshdPath)(
  'an sshd that allows two sessions a connection and one login at a time: more tasks than that are all done',
  async () => {
    const sshd = await startSshd({ config: ['MaxSessions 2', 'MaxStartups 1:100:1'] })
    const lab = sshLab([sshd])
    try {
      const numbers = Array.from({ length: 12 }, (_, at) => at)
      const task = (at: number) =>
        `  t${at}: { on: pi, check: 'test -e ${lab.folder}/${at}', sh: 'touch ${lab.folder}/${at}' }\n`
      lab.config({ pi: nodeOn(sshd) }, numbers.map(task).join(''))
      const { exitCode, stderr } = await lab.kedge('run', 'all', '--jobs', '12')
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
      for (const at of numbers) expect(existsSync(join(lab.folder, String(at)))).toBe(true)
    } finally {
      lab.remove()
      await sshd.stop()
    }
  },
  300_000,
)
