import { describe, expect, test } from 'bun:test'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { deliver, deliverAll, forget, installPrograms, missingPrograms } from '../../lib/bundle/deliver.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import { TaskError } from '../../lib/event/failure.ts'
import type { PutOptions } from '../../lib/host/host.ts'
import { localConnection } from '../../lib/host/local.ts'
import type { TaskContext } from '../../lib/task/task.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { asksForSums, changesOf, delivered, labBundle, noPieces, notesSums, sumLine } from '../tasks/lab-bundle.ts'
import { entryOf, makeBundle, sha256, temporaryFolder } from './make-bundle.ts'

const kubeadmPath = '/usr/local/bin/kubeadm'
const kubeletPath = '/usr/local/bin/kubelet'
const programs = [
  { asset: 'kubeadm', path: kubeadmPath },
  { asset: 'kubelet', path: kubeletPath },
]

test('a piece goes to a node once, under its sha256, and is said', async () => {
  const path = delivered('keadm')
  const { ctx, steps, said, file } = sceneOn('edge-1', { rules: { 'edge-1': [noPieces] } })
  expect(await deliver(ctx, ctx.asset('keadm'))).toBe(path)
  expect(file('edge-1', path)).toBe('keadm')
  expect(changesOf(steps)).toEqual([`edge-1$ put ${path}`])
  expect(said).toEqual(['sending keadm (0.0 MiB)', 'sending keadm: 100 %'])
})

test('out of a bundle that is one file goes the piece alone', async () => {
  const { pieces } = openBundle(labBundle())
  const bundle = join(temporaryFolder(), 'kedge.bundle')
  await writeBundleFile(pieces, manifestOfFile(pieces), bundle)
  const { ctx, file, said } = sceneOn('edge-1', { bundle, rules: { 'edge-1': [noPieces] } })
  const path = await deliver(ctx, ctx.asset('keadm'))
  expect(path).toBe(delivered('keadm'))
  expect(file('edge-1', path)).toBe('keadm')
  expect(said.at(-1)).toBe('sending keadm: 100 %')
})

test('a piece that is there, sent or on the disk of the bundle, is not sent again', async () => {
  for (const path of [delivered('keadm'), `/run/kedge/bundle/${sha256('keadm')}`]) {
    const { ctx, steps, said } = sceneOn('edge-1', { rules: { 'edge-1': [[/ kedge /, `${path}\n`]] } })
    expect(await deliver(ctx, ctx.asset('keadm'))).toBe(path)
    expect(changesOf(steps)).toEqual([])
    expect(said).toEqual([])
  }
})

describe('the question for a piece, asked of a real shell', () => {
  const sum = sha256('keadm')
  /** Answers with what stands on disk below a folder; mount makes the disk's content appear. */
  async function ask(prepare: string, mounts = `mkdir -p ROOT/run/kedge/bundle; touch ROOT/run/kedge/bundle/${sum}`) {
    const root = temporaryFolder()
    const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [noPieces] } })
    await deliver(ctx, ctx.asset('keadm'))
    const script = (steps[0] ?? '').slice('edge-1$ '.length).replaceAll(/\/(var|run|dev(?!\/null))\//g, `${root}/$1/`)
    const stubs = `mkdir ${root}/bin; cd ${root}/bin; printf '#!/bin/sh\n%s\n' "test -e ${root}/mounted" > mountpoint; printf '#!/bin/sh\n%s\n' 'touch ${root}/mounted; echo mounted >&2; ${mounts.replaceAll('ROOT', root)}' > mount; chmod +x *; cd /`
    const text = `set -e; ${stubs}; ${prepare.replaceAll('ROOT', root)}\nset -euo pipefail; PATH=${root}/bin:$PATH; ${script}`
    const { stdout, stderr, exitCode } = Bun.spawnSync(['bash', '-c', text])
    const out = stdout
      .toString()
      .trim()
      .replace(root, '')
      .replace(/^free \d+$/m, 'free')
    return { out, log: stderr.toString().trim(), exitCode }
  }
  const disk = 'mkdir -p ROOT/dev/disk/by-id; touch ROOT/dev/disk/by-id/virtio-kedge-bundle'
  const sent = `mkdir -p ROOT/var/lib/kedge/pieces; touch ROOT/var/lib/kedge/pieces/${sum}`
  const found = `/run/kedge/bundle/${sum}`

  test('neither sent nor on a disk: how much is free, and nothing fails', async () =>
    expect(await ask(':')).toEqual({ out: 'free', log: '', exitCode: 0 }))
  test('cut off on its way: how much has arrived', async () =>
    expect(
      await ask(`mkdir -p ROOT/var/lib/kedge/pieces; printf abc > ROOT/var/lib/kedge/pieces/.kedge-${sum}.part`),
    ).toEqual({ out: 'arrived 3\nfree', log: '', exitCode: 0 }))
  test('sent: that is taken, and not what the disk has', async () =>
    expect(await ask(`${sent}; ${disk}`)).toEqual({ out: delivered('keadm'), log: 'mounted', exitCode: 0 }))
  test('on the disk: mounted at the first question', async () =>
    expect(await ask(disk)).toEqual({ out: found, log: 'mounted', exitCode: 0 }))
  test('on the disk that is mounted already', async () =>
    expect(
      await ask(`${disk}; touch ROOT/mounted; mkdir -p ROOT/run/kedge/bundle; touch ROOT/run/kedge/bundle/${sum}`),
    ).toEqual({
      out: found,
      log: '',
      exitCode: 0,
    }))
  test('not on the disk that is mounted: it has to be sent', async () =>
    expect(await ask(disk, 'mkdir -p ROOT/run/kedge/bundle')).toEqual({ out: 'free', log: 'mounted', exitCode: 0 }))
})

test('a piece that changed since the manifest was made gets no name on the node', async () => {
  const folder = makeBundle([{ name: 'keadm' }])
  const { ctx, host } = sceneOn('edge-1', { bundle: folder, rules: { 'edge-1': [noPieces] } })
  const asset = ctx.asset('keadm')
  appendFileSync(join(folder, entryOf({ name: 'keadm' }).path), '!')
  expect(await failureOf(deliver(ctx, asset))).toMatch(/^bundle: .*sha256/s)
  expect([...host('edge-1').files.keys()]).toEqual([])
})

test('a VM that lacks a piece gets the bundle attached, and only what is not on it is sent', async () => {
  const onDisk = `/run/kedge/bundle/${sha256('keadm')}`
  const answers = ['', `${onDisk}\n`]
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [[/ kedge /, answers]] } })
  let asked = 0
  const withDisk = { ...ctx, $: ctx.$, host: ctx.host, attachBundle: async () => ++asked > 0 }
  const paths = await deliverAll(withDisk, [ctx.asset('keadm'), ctx.asset('crictl')])
  expect(paths.get(sha256('keadm'))).toBe(onDisk)
  expect(paths.get(sha256('crictl'))).toBe(delivered('crictl'))
  expect(asked).toBe(1)
  expect(steps.filter((step) => step.startsWith('edge-1$ put'))).toEqual([`edge-1$ put ${delivered('crictl')}`])
})

test('an empty piece is sent without arithmetic on nothing', async () => {
  const bundle = makeBundle([{ name: 'empty', content: '' }])
  const { ctx, said } = sceneOn('edge-1', { bundle, rules: { 'edge-1': [noPieces] } })
  await deliver(ctx, ctx.asset('empty'))
  expect(said.join()).not.toMatch(/NaN|Infinity/)
})

test('a large piece is told of in steps of a fifth at least', async () => {
  const said: string[] = []
  const asset = { name: 'base', path: '/b', sizeBytes: 100, sha256: sha256('b') }
  const put = async (_from: string, _to: string, options: { onProgress: (sent: number, all: number) => void }) => {
    for (let sent = 1; sent <= 100; sent++) options.onProgress(sent, 100)
  }
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [noPieces] } })
  const fake = { $: ctx.$, host: { put }, attachBundle: async () => false, say: (text: string) => void said.push(text) }
  await deliver(fake as never, asset as never)
  expect(said.slice(1)).toEqual([20, 40, 60, 80, 100].map((percent) => `sending base: ${percent} %`))
})

describe('room on the node', () => {
  const node = (answer: string) => sceneOn('edge-1', { rules: { 'edge-1': [[/ kedge /, answer]] } })
  // Their contents are their names: five bytes and six.
  const both = (ctx: TaskContext) => deliverAll(ctx, [ctx.asset('keadm'), ctx.asset('crictl')])

  test('that all pieces together do not find is missed before the first byte', async () => {
    const { ctx, steps } = node('free 10\n')
    expect(await failureOf(both(ctx))).toMatch(/^command: edge-1 has 0\.0 MiB free .* 2 pieces .* take 0\.0 MiB$/)
    expect(changesOf(steps)).toEqual([])
  })
  test('that just suffices, or does with what has arrived before', async () => {
    for (const answer of ['free 11\n', 'arrived 1\nfree 10\n']) {
      const { ctx, steps } = node(answer)
      await both(ctx)
      expect(changesOf(steps)).toHaveLength(2)
    }
  })
  test('is not asked of pieces that are there', async () => {
    const { ctx } = node(`${delivered('keadm')}\n${delivered('crictl')}\nfree 0\n`)
    expect(await failureOf(both(ctx))).toBe('no failure')
  })
})

describe('a link that is lost', () => {
  const mebibyte = 1024 * 1024
  /** Each attempt gets so many MiB far and then loses the link; after the last one all arrives. */
  async function sent(...reached: readonly number[]) {
    const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': [noPieces] } })
    const asset = { name: 'base', path: '/b', sizeBytes: 64 * mebibyte, sha256: sha256('b') }
    const attempts: boolean[] = []
    const put = async (_from: string, _to: string, { resumable, onProgress }: PutOptions) => {
      const at = reached[attempts.push(resumable === true) - 1]
      onProgress?.((at ?? 64) * mebibyte, asset.sizeBytes)
      if (at !== undefined) throw new TaskError({ kind: 'unreachable', message: 'the link was lost' })
    }
    const fake = { $: ctx.$, node: ctx.node, host: { put }, attachBundle: async () => false, say: () => {} }
    const failure = await failureOf(deliver({ ...fake, signal: ctx.signal } as never, asset as never))
    return { attempts, failure }
  }

  test('is taken up again for as long as each attempt gets further', async () =>
    expect(await sent(10, 30, 32)).toEqual({ attempts: [true, true, true, true], failure: 'no failure' }))
  test('is a failure where an attempt gets no further', async () =>
    expect(await sent(10, 10)).toEqual({ attempts: [true, true], failure: 'unreachable: the link was lost' }))
})

test('forget removes what was delivered and nothing else', async () => {
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': [[/^rm/, '']] } })
  await forget(ctx, [delivered('keadm'), '/run/kedge/bundle/x', delivered('kubectl')])
  expect(steps).toEqual([`edge-1$ rm -f ${delivered('keadm')} ${delivered('kubectl')}`])
})

test('what lies on the disk of the bundle is forgotten without a command', async () => {
  const { ctx, steps } = sceneOn('edge-1')
  await forget(ctx, ['/run/kedge/bundle/x'])
  await forget(ctx, [])
  expect(steps).toEqual([])
})

test.each([
  ['all as in the bundle', sumLine('kubeadm', kubeadmPath) + sumLine('kubelet', kubeletPath), []],
  ['one of another version', sumLine('kubeadm', kubeadmPath) + sumLine('old', kubeletPath), ['kubelet']],
  ['one absent', sumLine('kubelet', kubeletPath), ['kubeadm']],
  ['binary mode marks', sumLine('kubeadm', `*${kubeadmPath}`).replace('  ', ' '), ['kubelet']],
  ['swapped', sumLine('kubelet', kubeadmPath) + sumLine('kubeadm', kubeletPath), ['kubeadm', 'kubelet']],
  ['none', '', ['kubeadm', 'kubelet']],
])('programs that are missing: %s', async (_, sums, missing) => {
  const { ctx } = sceneOn('master', {
    rules: { master: [[asksForSums, { stdout: sums, exitCode: missing.length ? 1 : 0 }]] },
  })
  expect((await missingPrograms(ctx, programs)).map(({ asset }) => asset)).toEqual(missing)
})

test('a program comes under its name whole and executable, and only the missing one is touched', async () => {
  const path = delivered('kubelet')
  const { ctx, steps } = sceneOn('master', {
    rules: {
      master: [
        [asksForSums, { stdout: sumLine('kubeadm', kubeadmPath), exitCode: 1 }],
        noPieces,
        notesSums,
        [/^mkdir|^rm/, ''],
      ],
    },
  })
  await installPrograms(ctx, programs)
  expect(changesOf(steps)).toEqual([
    `master$ put ${path}`,
    `master$ mkdir -p "$(dirname /usr/local/bin/kubelet)" && install -m 0755 ${path} /usr/local/bin/kubelet.kedge && sync /usr/local/bin/kubelet.kedge && mv -f /usr/local/bin/kubelet.kedge /usr/local/bin/kubelet`,
    `master$ rm -f ${path}`,
  ])
})

test('the commands do in a real shell what they say', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'not there yet/kubelet')
  const connection = localConnection('hypervisor')
  const host = connection.bind({ signal: new AbortController().signal, onOutput: () => {} })
  const piece = join(folder, 'piece')
  await Bun.write(piece, 'kubelet')
  const { ctx } = sceneOn('master')
  const here = { ...ctx, asset: ctx.asset, $: host.$, host, say: () => {} }
  const wanted = [{ asset: 'kubelet', path }]
  expect(await missingPrograms(here, wanted)).toEqual(wanted)
  await host.$`mkdir -p ${join(folder, 'not there yet')} && install -m 0755 ${piece} ${path}`
  expect(await missingPrograms(here, wanted)).toEqual([])
  await connection.close()
})
