import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { localConnection } from '../../lib/host/local.ts'
import { scriptedConnection } from '../../lib/host/scripted.ts'
import disableSwap from '../../tasks/disable-swap.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { failureOf, sceneOn } from './context.ts'

const asksFstab = / awk .* \/etc\/fstab$/
const verdict = (active: string, fstab: string) =>
  disableSwap.check(
    sceneOn('worker', {
      rules: {
        worker: [
          ['swapon --noheadings --show=NAME', active],
          [asksFstab, fstab],
        ],
      },
    }).ctx,
  )

describe('check', () => {
  test.each([
    ['off', '', '', undefined],
    ['on', '/dev/vda2\n', '/dev/vda2 none swap sw 0 0\n', 'swap on: /dev/vda2'],
    ['on twice', '/swapfile\n/dev/zram0\n', '', 'swap on: /swapfile, /dev/zram0'],
    ['half-made: off now, and back at the next boot', '', '/dev/vda2 none swap sw 0 0\n', 'swap on: in /etc/fstab'],
  ])('swap %s', async (_, active, fstab, why) =>
    expect(await verdict(active, fstab)).toEqual(why === undefined ? { done: true } : { done: false, why }),
  )

  test('a node that cannot be asked is no verdict', async () => {
    const { ctx } = sceneOn('worker', { rules: { worker: [[/^swapon/, { exitCode: 127 }]] } })
    expect(await failureOf(disableSwap.check(ctx))).toMatch(/^command: /)
  })
})

test('run masks first what would bring swap back, then turns it off, and keeps a copy of fstab', async () => {
  const { ctx, steps } = sceneOn('worker', { rules: { worker: [[/^/, '']] } })
  await disableSwap.run(ctx)
  expect(steps[0]).toMatch(/^worker\$ [\s\S]*systemctl mask --quiet /)
  expect(steps[1]).toBe('worker$ swapoff --all')
  expect(steps[2]).toMatch(/^worker\$ .*sed -i\.kedge .*\/etc\/fstab/)
  expect(steps).toHaveLength(3)
})

test('masked is what is on and not in fstab: systemd found it by itself, and would again', async () => {
  const root = temporaryFolder()
  writeFileSync(join(root, 'fstab'), '/swapfile none swap sw 0 0\n')
  const { ctx, steps } = sceneOn('worker', { rules: { worker: [[/^/, '']] } })
  await disableSwap.run(ctx)
  const script = (steps[0] ?? '').replace('worker$ ', '').replaceAll('/etc/fstab', join(root, 'fstab'))
  const stubs = `swapon() { printf '/swapfile\\n/dev/vda3\\n/dev/zram0\\n'; }
systemd-escape() { printf '%s.swap\\n' "$(echo "\${@: -1}" | tr / - | cut -c2-)"; }
systemctl() { echo "$*"; }`
  const { stdout, stderr } = Bun.spawnSync(['bash', '-euo', 'pipefail', '-c', `${stubs}\n${script}`])
  expect(stderr.toString()).toBe('')
  expect(stdout.toString().trim().split('\n')).toEqual(['mask --quiet dev-vda3.swap', 'mask --quiet dev-zram0.swap'])
})

/** The task against a real awk and a real sed, on a copy of an fstab; systemctl and swap themselves are answered. */
async function onFstab(text: string | undefined) {
  const path = join(temporaryFolder(), 'fstab')
  if (text !== undefined) writeFileSync(path, text)
  const local = localConnection('hypervisor')
  const { $ } = local.bind({ signal: new AbortController().signal, onOutput: () => {} })
  const connection = scriptedConnection({
    name: 'worker',
    rules: [
      // Only what reads or writes fstab is run here; the machine's own swap is none of the test's business.
      [/systemctl|swapo/, ''],
      [
        /\/etc\/fstab/,
        async ({ command }) => {
          const { stdout, stderr, exitCode } = await $({
            nothrow: true,
          })`bash -c ${command.replaceAll('/etc/fstab', path)}`
          return { stdout, stderr, exitCode: exitCode ?? 1 }
        },
      ],
    ],
  })
  const host = connection.bind({ signal: new AbortController().signal, onOutput: () => {} })
  const ctx = { ...sceneOn('worker').ctx, $: host.$, host }
  const before = await disableSwap.check(ctx)
  if (!before.done) await disableSwap.run(ctx)
  const after = await disableSwap.check(ctx)
  await local.close()
  return { before: before.done, after: after.done, text: text === undefined ? undefined : readFileSync(path, 'utf8') }
}

describe('in a real fstab', () => {
  const root = 'UUID=1-2 / ext4 errors=remount-ro 0 1\n'
  test.each([
    ['as installers write it', 'UUID=3-4 none            swap    sw              0       0\n'],
    ['with tabs', '/dev/vda2\tnone\tswap\tsw\t0\t0\n'],
    ['indented', '   /swapfile none swap defaults 0 0\n'],
    ['without options', '/dev/vda2 none swap\n'],
    ['with a # in the label', 'LABEL=swap#1 none swap sw 0 0\n'],
    ['with a remark behind', '/swapfile swap swap sw 0 0 # added by hand\n'],
  ])('a swap line %s is commented out, and the rest stays', async (_, line) => {
    const result = await onFstab(`${root}${line}`)
    expect(result).toEqual({ before: false, after: true, text: `${root}# ${line}` })
  })

  test.each([
    ['a remark about swap', '# /dev/vda2 none swap sw 0 0\n'],
    ['an indented remark', '  # /dev/vda2 none swap sw 0 0\n'],
    ['a remark without a blank', '  #/dev/vda2 none swap sw 0 0\n'],
    ['a folder of that name', '/dev/vdb1 /srv/swap ext4 defaults 0 2\n'],
    ['a folder called swap', '/dev/vdb1 swap ext4 defaults 0 2\n'],
  ])('%s is left alone', async (_, line) => {
    const result = await onFstab(`${root}${line}`)
    expect(result).toEqual({ before: true, after: true, text: `${root}${line}` })
  })

  test('a system without an fstab has no swap in it', async () => {
    expect(await onFstab(undefined)).toEqual({ before: true, after: true, text: undefined })
  })
})
