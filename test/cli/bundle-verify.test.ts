import { beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import { resultOf } from '../build/binary.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { bundleFor } from '../bundle/make-pieces.ts'
import { kedge as program } from '../faults/ssh-lab.ts'
import { base } from '../topology/known.ts'
import { topologyFrom } from '../topology/load.ts'

// A start of kedge is a moment, and may be many seconds on a busy machine.
setDefaultTimeout(300_000)

const reference = topologyFrom(base)

let folder: string
let bundle: string
beforeEach(async () => {
  folder = temporaryFolder()
  bundle = join(folder, 'kedge.bundle')
  const { pieces } = openBundle(bundleFor(reference))
  await writeBundleFile(pieces, manifestOfFile(pieces), bundle)
  config()
})

const config = (more = '') =>
  writeFileSync(join(folder, 'kedge.config.yaml'), `${base.replace(/^bundle:.*$/m, 'bundle: ./kedge.bundle')}${more}`)

const kedge = (...words: string[]) =>
  resultOf(Bun.spawn([...program, ...words], { cwd: folder, stdout: 'pipe', stderr: 'pipe' }))

describe('kedge bundle verify', () => {
  test('a complete bundle, as the file names it or as it is named here', async () => {
    const verified = await kedge('bundle', 'verify')
    expect(verified).toMatchObject({ exitCode: 0, stdout: '' })
    expect(verified.stderr).toMatch(/kedge\.bundle: \d+ pieces, .* complete for lab paper, and undamaged\n$/)
    expect(await kedge('bundle', 'verify', './kedge.bundle', '--json')).toMatchObject({ exitCode: 0 })
    expect(await kedge('bundle', 'verify', './no-such')).toMatchObject({ exitCode: 7 })
  })

  test('one that is cut off is named, exit 7', async () => {
    truncateSync(bundle, Bun.file(bundle).size - 2048)
    const { exitCode, stderr } = await kedge('bundle', 'verify')
    expect(exitCode).toBe(7)
    expect(stderr).toContain(`${bundle} is cut off`)
  })

  test('what is damaged and what own tasks miss is named, exit 7, in words and as JSON', async () => {
    const at = openBundle(bundle).asset('pod-network', 'amd64').offset as number
    const bytes = readFileSync(bundle)
    bytes[at] = 35
    writeFileSync(bundle, bytes)
    mkdirSync(join(folder, 'tasks'))
    const task = `import { done, task } from 'kedge'
export default task({ description: 'x', assets: ['keadm', 'my-model'], check: async () => done, run: async () => {} })
`
    writeFileSync(join(folder, 'tasks/bring-model.ts'), task)
    config('  bring-model: { on: edge, needs: [create-vms] }\n')
    const { exitCode, stdout } = await kedge('bundle', 'verify')
    expect(exitCode).toBe(7)
    expect(stdout).toMatch(/^missing\s+my-model\s+amd64\s+edge-1, edge-2 need it for bring-model$/m)
    expect(stdout).toMatch(/^damaged\s+pod-network\s+all\s+the \d+ bytes at \d+ of .* are not what its sha256 says/m)
    const { faults } = JSON.parse((await kedge('bundle', 'verify', '--json')).stdout)
    expect(faults.map(({ fault, name }: { fault: string; name: string }) => [fault, name])).toEqual([
      ['missing', 'my-model'],
      ['damaged', 'pod-network'],
    ])
  })
})

test('kedge bundle prove checks the bundle first, and says once which lab it works on', async () => {
  rmSync(join(folder, 'kedge.config.yaml'))
  const { exitCode, stderr } = await kedge('bundle', 'prove', '--yes')
  expect(stderr.split('\n').filter((line) => line.startsWith('no kedge.config.yaml here'))).toHaveLength(1)
  expect(stderr).toContain(`${join(folder, 'bundle')}`)
  expect(exitCode).toBe(7)
})

test('kedge bundle show lists every piece; what a folder lacks is said, exit 7', async () => {
  const shown = await kedge('bundle', 'show')
  expect(shown.exitCode).toBe(0)
  const lines = shown.stdout.trim().split('\n')
  expect(lines[0]).toMatch(/^name\s+kind\s+version\s+architecture\s+size\s+source$/)
  expect(lines).toHaveLength(openBundle(bundle).pieces.length + 1)
  expect(shown.stdout).toMatch(/^kubeadm\s+file\s+1\.32\.10\s+amd64\s+64 bytes\s+test$/m)
  const { pieces } = JSON.parse((await kedge('bundle', 'show', '--json')).stdout)
  expect(pieces).toHaveLength(openBundle(bundle).pieces.length)
  const unpacked = bundleFor(reference)
  rmSync(openBundle(unpacked).asset('kubeadm', 'amd64').path)
  const { exitCode, stderr } = await kedge('bundle', 'show', unpacked)
  expect(exitCode).toBe(7)
  expect(stderr).toContain('kubeadm: ')
})

test('kedge schema bundle is the schema of the manifest; another word is refused', async () => {
  expect(JSON.parse((await kedge('schema', 'bundle')).stdout)).toMatchObject({ title: 'kedge bundle' })
  expect(JSON.parse((await kedge('schema')).stdout)).toMatchObject({ title: 'kedge lab' })
  expect((await kedge('schema', 'world')).exitCode).toBe(2)
})
