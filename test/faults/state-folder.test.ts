import { Database } from 'bun:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { kedge, type SshLab, sshLab } from './ssh-lab.ts'

let lab: SshLab
beforeEach(() => {
  lab = sshLab()
})
afterEach(() => lab.remove())

const task = "  a: { on: hypervisor, check: 'test -e made', sh: 'touch made' }\n"
const state = (...names: string[]) => join(lab.folder, '.kedge', ...names)

/** Whether a folder can have a disk of its own here that nobody else sees. */
const canMount =
  userInfo().uid === 0 && Bun.spawnSync(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).exitCode === 0

describe('the state folder', () => {
  test('whose journal a newer kedge wrote is left as it is: said, with the cure, by all that read it', async () => {
    lab.config({}, task)
    mkdirSync(state('faults'), { recursive: true })
    const newer = new Database(state('faults/journal.sqlite'), { create: true })
    newer.run('PRAGMA user_version = 99')
    newer.close()
    for (const words of [['run', 'all'], ['status'], ['report']]) {
      const { exitCode, stderr } = await lab.kedge(...words)
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('by a newer kedge') })
      expect(stderr).toContain('use the newer kedge for this lab, or give another folder with --state')
    }
    expect(await lab.kedge('run', 'all', '--state', join(lab.folder, 'other'))).toMatchObject({ exitCode: 0 })
  }, 120_000)

  test('copied from another lab is refused, and stays as it is', async () => {
    lab.config({}, task)
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
    cpSync(state('faults'), state('twin'), { recursive: true })
    writeFileSync(join(lab.folder, 'twin.yaml'), lab.read('kedge.config.yaml').replace('lab: faults', 'lab: twin'))
    const { exitCode, stderr } = await lab.kedge('-c', 'twin.yaml', 'run', 'all')
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('is the state of lab faults, not of twin'),
    })
    expect(stderr).toContain('--state')
    rmSync(state('twin'), { recursive: true })
    expect(await lab.kedge('-c', 'twin.yaml', 'run', 'all')).toMatchObject({ exitCode: 0 })
  }, 120_000)

  test('copied from another machine is nobody’s, is closed to others again, and checks decide what is so', async () => {
    lab.config({}, task)
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
    const holder = { pid: 1, host: 'elsewhere', since: '2026-01-01T00:00:00.000Z', command: 'kedge run all' }
    writeFileSync(state('faults/holder.json'), JSON.stringify(holder))
    chmodSync(state('faults'), 0o755)
    rmSync(join(lab.folder, 'made'))
    expect(await lab.kedge('run', 'all')).toMatchObject({ exitCode: 0 })
    expect(lab.read('made')).toBe('')
    expect(statSync(state('faults')).mode & 0o777).toBe(0o700)
  }, 120_000)

  test.skipIf(!canMount)(
    'on a disk that fills up: no bug of kedge, said and cured by room',
    async () => {
      lab.config({}, `${task}  loud: { on: hypervisor, needs: [a], check: 'test -e quiet', sh: 'seq 400000' }\n`)
      mkdirSync(state())
      const script = [
        'mount -t tmpfs -o size=1m tmpfs .kedge',
        '"$@" run all; echo "exit $?" >&2',
        'touch quiet; rm -rf .kedge/faults/runs',
        'mount -o remount,size=32m .kedge',
        '"$@" run all; echo "then $?" >&2',
      ].join('\n')
      const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: lab.folder }
      const child = Bun.spawn(['unshare', '-m', 'sh', '-c', script, 'sh', ...kedge], {
        cwd: lab.folder,
        env,
        stderr: 'pipe',
      })
      const stderr = await new Response(child.stderr).text()
      await child.exited
      expect(stderr).toContain('the disk is full: there is no room left for')
      expect(stderr).toContain('df -h')
      expect(stderr).toContain('exit 5')
      expect(stderr).not.toContain('bug')
      expect(stderr).toContain('then 0')
    },
    120_000,
  )
})
