import { expect, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { entryOf, makeBundle } from '../bundle/make-bundle.ts'
import { sshdPath, startSshd } from '../host/sshd.ts'
import { nodeOn, sshLab } from './ssh-lab.ts'

test.skipIf(!sshdPath)(
  'a damaged piece of the bundle: exit 7, which piece, never taken for whole on a node; done once it is whole',
  async () => {
    const piece = { name: 'keadm', architecture: 'all', content: 'the program' } as const
    const bundle = makeBundle([piece])
    const path = join(bundle, entryOf(piece).path)
    const sshd = await startSshd()
    const lab = sshLab([sshd])
    const { folder } = lab
    try {
      mkdirSync(join(folder, 'tasks'))
      writeFileSync(
        join(folder, 'tasks/bring.ts'),
        `import { doneIf, task } from 'kedge'
export default task({
  description: 'Bring a piece of the bundle',
  async check({ $ }) {
    return doneIf((await $\`test -e ${folder}/brought\`.nothrow()).exitCode === 0, 'not there')
  },
  async run({ host, asset }) {
    const { path, sha256 } = asset('keadm')
    await host.put(path, '${folder}/brought', { sha256 })
  },
})
`,
      )
      lab.config({ pi: nodeOn(sshd) }, '  bring: { on: pi }\n', `bundle: ${bundle}\n`)
      writeFileSync(path, 'the progrbm')
      const { exitCode, stderr } = await lab.kedge('run', 'all')
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('sha256') })
      expect(stderr).toContain(path)
      expect(stderr).toContain('kedge bundle verify')
      expect(existsSync(join(folder, 'brought'))).toBe(false)
      writeFileSync(path, piece.content)
      expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
      expect(lab.read('brought')).toBe(piece.content)
    } finally {
      lab.remove()
      await sshd.stop()
    }
  },
  120_000,
)
