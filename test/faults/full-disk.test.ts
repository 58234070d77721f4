import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { sshdPath, startSshd } from '../host/sshd.ts'
import { kedge, nodeOn, sshLab } from './ssh-lab.ts'

/** Whether a folder can have a disk of its own here that nobody else sees. */
const canMount =
  userInfo().uid === 0 && Bun.spawnSync(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).exitCode === 0

test.skipIf(!(canMount && sshdPath))(
  'a disk that is full, on a node and on the hypervisor: whose it is, how to look, and done once there is room',
  async () => {
    const lab = sshLab()
    const { folder } = lab
    const disk = join(folder, 'disk')
    const mount = `mount -t tmpfs -o size=$(cat ${folder}/size) tmpfs ${disk}`
    // Each command on the node finds an empty disk of the size that the file says.
    const inner = `'${mount} && eval "$SSH_ORIGINAL_COMMAND"'`
    const sshd = await startSshd({ config: [`ForceCommand exec unshare -m bash -c ${inner}`] })
    try {
      writeFileSync(lab.knownHosts, `[127.0.0.1]:${sshd.port} ${sshd.hostKeyLine}\n`)
      for (const name of ['disk', 'tasks']) mkdirSync(join(folder, name))
      writeFileSync(
        join(folder, 'tasks/fill.ts'),
        `import { doneIf, task } from 'kedge'
export default task({
  description: 'Write a megabyte',
  async check({ $, node }) {
    return doneIf((await $\`test -e ${folder}/done-\${node.name}\`.nothrow()).exitCode === 0, 'not written')
  },
  async run({ $, host, node }) {
    await host.write('${disk}/file', 'x'.repeat(1_000_000))
    await $\`touch ${folder}/done-\${node.name}\`
  },
})
`,
      )
      lab.config({ pi: nodeOn(sshd) }, '  fill: { on: [hypervisor, pi] }\n')
      const script = [
        `echo 200k > ${folder}/size; ${mount}`,
        '"$@" run all; echo "exit $?" >&2',
        `find ${disk} -type f; echo 16m > ${folder}/size; mount -o remount,size=16m ${disk}`,
        '"$@" run all; echo "then $?" >&2',
      ].join('\n')
      const child = Bun.spawn(['unshare', '-m', 'sh', '-c', script, 'sh', ...kedge], {
        cwd: folder,
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: join(folder, 'home') },
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [left, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
      await child.exited
      expect(stderr).toContain('exit 5')
      for (const node of ['hypervisor', 'pi']) {
        const part = stderr.split('\n\n').find((text) => text.startsWith(`fill@${node}`)) ?? stderr
        expect(part).toMatch(/no space left on device/i)
        expect(part).toContain(`a disk of ${node} is full`)
        expect(part).toContain(node === 'hypervisor' ? 'on the hypervisor: df -h' : 'kedge ssh pi -- df -h')
      }
      // Nothing half-written stays in the way.
      expect(left).toBe('')
      expect(stderr).toContain('then 0')
    } finally {
      lab.remove()
      await sshd.stop()
    }
  },
  120_000,
)
