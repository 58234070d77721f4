import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type Around, runHere } from '../../build/run-here.ts'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { wantedPieces } from '../../lib/bundle/wanted.ts'
import { sumOf } from '../../lib/bundle/work-folder.ts'
import { type FileServer, pathOf, type Request, serveFiles } from '../bundle/file-server.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { makePackages, mirrorsAt, publish } from '../bundle/published.ts'
import { kedge } from '../faults/ssh-lab.ts'
import { base } from '../topology/known.ts'
import { topologyFrom } from '../topology/load.ts'

let server: FileServer
let folder: string
const started: Bun.Subprocess[] = []
beforeEach(async () => {
  server = await serveFiles()
  folder = temporaryFolder()
  mkdirSync(join(folder, 'usb'))
  writeFileSync(join(folder, 'kedge.config.yaml'), lab)
  writeFileSync(join(folder, 'sums'), '')
})
afterEach(async () => {
  for (const process of started.splice(0)) {
    process.kill('SIGKILL')
    await process.exited
  }
  await server.close()
})

/** The reference lab, without the images, since these take a registry, and without a place for the bundle. */
const lab = base.replace(/^ {2}(load-images|load-kubeedge-images):.*$/gm, '  $1: null').replace(/^bundle:.*\n/m, '')
const pieces = wantedPieces(topologyFrom(lab))
const packages = pieces.filter(({ kind }) => kind === 'os-packages')
const published = pieces.filter(({ kind }) => kind !== 'os-packages')

async function publishAll(sizeBytes = 60_000): Promise<void> {
  const contents = new Map<string, Uint8Array>()
  for (const [seed, piece] of published.entries())
    contents.set(piece.name, await publish(server, piece, sizeBytes, seed))
  for (const { name } of packages) await makePackages(join(folder, 'usb', `${name}.tar`))
  // The real one's sum is a part of kedge.
  const sum = createHash('sha256').update(contents.get('pod-network') ?? '')
  writeFileSync(join(folder, 'sums'), `${sum.digest('hex')}  pod-network-all\n`)
}

const words = (more: readonly string[]): readonly string[] => {
  const mirrors = Object.entries(mirrorsAt(server.url)).flatMap(([name, url]) => ['--mirror', `${name}=${url}`])
  return ['bundle', 'create', ...mirrors, '--from', 'usb', '--sums', 'sums', ...more]
}

/** In this process, as `kedge bundle create` with these words. */
const create = (more: readonly string[] = [], signal = new AbortController().signal) =>
  inProcess(words(more), { signal })

const inProcess = (words: readonly string[], around: Around = {}) => runHere(folder, words, around)

/** A kedge of its own, which can be killed. */
function begin(more: readonly string[], before: readonly string[] = []) {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }
  const command = [...before, ...kedge, ...words(more)]
  const process = Bun.spawn(command, { cwd: folder, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  started.push(process)
  return process
}

const isContent = ({ method, target }: Request) =>
  method === 'GET' && !/\.sha256$|checksum_|SHA512SUMS|\.txt$/.test(target)
/** The pieces that were asked for, not their checksums. */
const contents = () =>
  server.requests.filter(isContent).map((request) => ({ path: pathOf(request), range: request.headers.range ?? 'all' }))

/** Every piece in a bundle is what the manifest says, and none is missing. */
async function isRight(bundle: string): Promise<void> {
  const found = openBundle(bundle).pieces
  expect(found.map(({ name }) => name)).toEqual(pieces.map(({ name }) => name))
  for (const { path, offset = 0, sizeBytes, sha256 } of found)
    expect((await sumOf(path, { offset, sizeBytes })).sha256).toBe(sha256)
}

/** Whatever has its name is whole. */
async function nothingHalf(work: string): Promise<void> {
  const notes = existsSync(join(work, 'notes')) ? readdirSync(join(work, 'notes')) : []
  for (const name of notes.filter((each) => each.endsWith('.json'))) {
    const note = JSON.parse(readFileSync(join(work, 'notes', name), 'utf8')) as { path: string; sha256: string }
    if (existsSync(note.path)) expect((await sumOf(note.path)).sha256).toBe(note.sha256)
  }
}

test('--dry-run says what comes, then it comes, then there is nothing to do', async () => {
  await publishAll()
  const planned = await create(['--dry-run'])
  expect(planned.stdout).toContain(`${published.length} pieces to fetch`)
  expect(planned.stdout).toContain(`${server.url}/kubernetes/v1.32.10/bin/linux/amd64/kubeadm`)
  expect(planned.exitCode).toBe(0)
  expect(contents()).toEqual([])
  expect(readdirSync(folder).sort()).toEqual(['kedge.config.yaml', 'sums', 'usb'])

  const made = await create()
  expect(made.stderr).toContain('bundle: ./kedge.bundle')
  expect(made.stdout).toContain(`kedge.bundle: ${pieces.length} pieces`)
  expect(made.exitCode).toBe(0)
  await isRight(join(folder, 'kedge.bundle'))
  expect(readdirSync(folder).sort()).toEqual(['kedge.bundle', 'kedge.config.yaml', 'sums', 'usb'])

  server.requests.length = 0
  const again = await create(['--json'])
  expect(JSON.parse(again.stdout)).toMatchObject({ failures: [], bundle: join(folder, 'kedge.bundle') })
  expect(again.exitCode).toBe(0)
  expect(server.requests).toEqual([])
})

test('the bundle becomes what the lab file names', async () => {
  await publishAll()
  writeFileSync(join(folder, 'kedge.config.yaml'), `${lab}bundle: ./usb/mine\n`)
  const { exitCode, stderr } = await create()
  expect(stderr).not.toContain('to use it')
  expect(exitCode).toBe(0)
  await isRight(join(folder, 'usb/mine'))
})

test('exit 4 for a source that has it not, 7 for a wrong checksum; each is named with its address', async () => {
  await publishAll()
  const kubectl = '/kubernetes/v1.32.10/bin/linux/amd64/kubectl'
  server.files.delete(kubectl)
  const missing = await create()
  expect(missing.stderr).toContain(`kedge: 1 of ${pieces.length} pieces cannot be had`)
  expect(missing.stderr).toContain(`  kubectl 1.32.10 (amd64): ${server.url}${kubectl}: the server answered 404`)
  expect(missing.exitCode).toBe(4)
  expect(existsSync(join(folder, 'kedge.bundle'))).toBe(false)
  const sums = readFileSync(join(folder, 'sums'), 'utf8')
  writeFileSync(join(folder, 'sums'), `${sums}${'0'.repeat(64)}  kubelet-amd64\n`)
  const damaged = await create(['-o', 'other'])
  expect(damaged.stderr).toMatch(/kubelet 1\.32\.10 \(amd64\): .*has sha256 .*should have 0000/)
  expect(damaged.stderr).toMatch(/kubectl .*404/)
  expect(damaged.exitCode).toBe(7)
})

test('killed while pieces come: what is whole is not fetched again, the rest goes on, nothing passes for whole', async () => {
  await publishAll()
  // Some come whole, the others stop in the middle until kedge is killed.
  const stopped = new Set<string>()
  server.intercept = (request, usual) => {
    if (!isContent(request) || !/kubelet|kubectl|qcow2/.test(request.target)) return usual
    stopped.add(pathOf(request))
    return { ...usual, stallAt: 30_000 }
  }
  const work = join(folder, 'kedge.bundle.work')
  const noted = () => (existsSync(join(work, 'notes')) ? readdirSync(join(work, 'notes')).length : 0)
  const first = begin(['--jobs', '8', '--stall', '3600'])
  const parts = () => (existsSync(join(work, 'parts')) ? readdirSync(join(work, 'parts')) : [])
  const halves = () => parts().filter((name) => name.endsWith('.part'))
  while (stopped.size < 3 || noted() < published.length - 3 || halves().length < 3) {
    expect(first.exitCode).toBeNull()
    await Bun.sleep(20)
  }
  first.kill('SIGKILL')
  await first.exited
  expect(existsSync(join(folder, 'kedge.bundle'))).toBe(false)
  await nothingHalf(work)

  server.intercept = undefined
  server.requests.length = 0
  const again = await create()
  expect(again.stderr).not.toContain('cannot be had')
  expect(again.exitCode).toBe(0)
  expect(
    contents()
      .map(({ path }) => path)
      .sort(),
  ).toEqual([...stopped].sort())
  await isRight(join(folder, 'kedge.bundle'))
}, 300_000)

test.each(['file', 'folder'])(
  'killed at any moment, again and again, it comes to the same end (a %s)',
  async (shape) => {
    await publishAll(200_000)
    const more = [...(shape === 'folder' ? ['--dir'] : []), '-o', 'out']
    server.intercept = async (_request, usual) => {
      await Bun.sleep(10)
      return usual
    }
    for (const answers of [6, 14, 22]) {
      const killed = begin(more)
      const enough = server.requests.length + answers
      // What an earlier one has fetched it does not ask for, and so it may come to its end before.
      while (server.requests.length < enough && killed.exitCode === null) await Bun.sleep(2)
      await Bun.sleep(answers)
      killed.kill('SIGKILL')
      await killed.exited
      await nothingHalf(join(folder, 'out.work'))
      if (existsSync(join(folder, shape === 'folder' ? 'out/manifest.json' : 'out'))) await isRight(join(folder, 'out'))
    }
    expect((await create(more)).exitCode).toBe(0)
    await isRight(join(folder, 'out'))
    expect(existsSync(join(folder, 'out.work'))).toBe(false)
  },
  300_000,
)

test('Ctrl-C keeps what has come; a second kedge at the same bundle is refused', async () => {
  await publishAll()
  server.intercept = (request, usual) => (isContent(request) ? { ...usual, stallAt: 10 } : usual)
  const stop = new AbortController()
  const first = create(['--jobs', '8'], stop.signal)
  while (contents().length < published.length) await Bun.sleep(20)
  const second = await create()
  expect(second.stderr).toContain(`process ${process.pid}`)
  expect(second.exitCode).toBe(6)
  const parts = join(folder, 'kedge.bundle.work/parts')
  const halves = () => readdirSync(parts).filter((name) => name.endsWith('.part')).length
  while (halves() < published.length) await Bun.sleep(20)
  stop.abort()
  const stopped = await first
  expect(stopped.stderr).toContain('the same command goes on from there')
  expect(stopped.exitCode).toBe(130)
  server.intercept = undefined
  expect((await create()).exitCode).toBe(0)
  await isRight(join(folder, 'kedge.bundle'))
})

/** Whether a folder can have a disk of its own here that nobody else sees. */
const canMount =
  userInfo().uid === 0 && Bun.spawnSync(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).exitCode === 0

test.skipIf(!canMount)(
  'a disk that fills up is named, before where sizes are known, and nothing on it passes for a bundle',
  async () => {
    await publishAll(3_000_000)
    mkdirSync(join(folder, 'disk'))
    const script = `mount -t tmpfs -o size=8m tmpfs disk && { "$@"; code=$?; find disk -name '*.bundle'; exit $code; }`
    const onDisk = async () => {
      const process = begin(['-o', 'disk/kedge.bundle'], ['unshare', '-m', 'bash', '-c', script, 'bash'])
      const stdout = new Response(process.stdout).text()
      const stderr = await new Response(process.stderr).text()
      return { stdout: await stdout, stderr, exitCode: await process.exited }
    }
    server.intercept = (_request, usual) => (usual.body ? { ...usual, isChunked: true } : usual)
    const full = await onDisk()
    expect(full.stderr).toMatch(/no space is left on the disk/)
    expect(full.exitCode).toBe(5)
    expect(full.stdout).toBe('')
    server.intercept = undefined
    const known = await onDisk()
    expect(known.stderr).toMatch(/no space for the bundle in .*: \d+ MiB are to come, \d+ MiB are free/)
    expect(known.exitCode).toBe(5)
    expect(known.stdout).toBe('')
  },
  300_000,
)

test.each([
  [['--jobs', 'many'], 2, '--jobs many'],
  [['--mirror', 'kubernetse=http://x'], 2, 'did you mean kubernetes?'],
  [['--mirror', 'kubernetes'], 2, 'NAME=URL'],
  [['--mirror', 'kubernetes=ftp://x'], 2, 'no http:// or https:// address'],
  [['--mirror', 'kubernetes=http://me:secret@x'], 2, 'an address with a password'],
  [['--registry', 'docker.io=a b'], 2, 'is no registry'],
  [['--arch', 'riscv64'], 2, 'amd64 or arm64'],
  [['--ca', 'kedge.config.yaml'], 2, 'no certificate in PEM'],
  [['--sums', 'none'], 2, '--sums none'],
  [['--stall', '0'], 2, '--stall 0'],
  [['-o', '.'], 2, 'it is a folder'],
  [['--dir', '-o', '.'], 2, 'other things in it'],
  [['--dir', '-o', 'kedge.config.yaml'], 2, 'it is a file'],
  [['-c', 'none.yaml'], 3, 'none.yaml'],
] as const)('%j is refused', async (more, code, message) => {
  const { exitCode, stderr } = await create(more)
  expect(stderr).toContain(message)
  expect(exitCode).toBe(code)
  expect(readdirSync(folder).sort()).toEqual(['kedge.config.yaml', 'sums', 'usb'])
})

describe('mirrors in the lab file', () => {
  const write = (keys: string, text = lab) =>
    writeFileSync(join(folder, 'kedge.config.yaml'), `${text}mirrors:\n${keys}`)
  const at = (url: string) =>
    `  sources:\n${Object.entries(mirrorsAt(url))
      .map(([name, address]) => `    ${name}: ${address}\n`)
      .join('')}`
  const plain = ['bundle', 'create', '--from', 'usb', '--sums', 'sums']
  type Row = { readonly name: string; readonly source: string; readonly problem?: string }
  const rowsOf = ({ stdout }: { readonly stdout: string }): readonly Row[] => JSON.parse(stdout).pieces
  const kubeadmIn = (made: { readonly stdout: string }) => rowsOf(made).find(({ name }) => name === 'kubeadm')?.source

  test('take the place of what is published; an option wins', async () => {
    await publishAll()
    write(at(server.url))
    const made = await inProcess(plain)
    expect(made.stderr).not.toContain('cannot be had')
    expect(made.exitCode).toBe(0)
    await isRight(join(folder, 'kedge.bundle'))
    const other = ['-o', 'other', '--dry-run', '--json', '--mirror', `kubernetes=${server.url}/own`]
    expect(kubeadmIn(await inProcess([...plain, ...other]))).toBe(`${server.url}/own/v1.32.10/bin/linux/amd64/kubeadm`)
  })

  test('its proxy is used for files and by skopeo, unless the environment names one', async () => {
    await publishAll()
    const proxy = `  proxy: ${server.url}\n`
    write(`${at('http://upstream.invalid')}${proxy}`)
    const dry = [...plain, '--dry-run', '--json']
    expect(rowsOf(await inProcess(dry)).flatMap(({ problem }) => problem ?? [])).toEqual([])
    expect(kubeadmIn(await inProcess(dry))).toStartWith('http://upstream.invalid/')
    const env = { HTTP_PROXY: 'http://127.0.0.1:1' }
    const elsewhere = rowsOf(await inProcess(dry, { env })).flatMap(({ problem }) => problem ?? [])
    expect(elsewhere[0]).toContain('through http://127.0.0.1:1')

    server.requests.length = 0
    const registries = '  registries: { docker.io: http://hub.invalid, registry.k8s.io: http://k8s.invalid }\n'
    write(`${at(server.url)}${registries}${proxy}`, base)
    await inProcess(dry)
    expect(server.requests.map(({ target }) => target)).toContain('http://hub.invalid/v2/')
    expect(server.requests.map(({ target }) => target)).toContain('http://k8s.invalid/v2/')
  })

  test('authorities that cannot be read are named as in the file', async () => {
    write('  ca: ./none.pem\n')
    const missing = await inProcess([...plain, '--dry-run'])
    expect(missing.stderr).toContain('`ca` of `mirrors`')
    expect(missing.stderr).toContain(join(folder, 'none.pem'))
    expect(missing.exitCode).toBe(2)
    const given = await inProcess([...plain, '--dry-run', '--ca', 'sums'])
    expect(given.stderr).toContain('--ca sums: there is no certificate')
  })
})

test('--arch makes it for machines that the lab has not got', async () => {
  const planned = await create(['--dry-run', '--json', '--arch', 'arm64'])
  const { pieces: rows } = JSON.parse(planned.stdout) as { pieces: { architecture: string; source: string }[] }
  expect(new Set(rows.map(({ architecture }) => architecture))).toEqual(new Set(['arm64', 'all']))
  expect(rows.map(({ source }) => source)).toContain(`${server.url}/kubernetes/v1.32.10/bin/linux/arm64/kubeadm`)
})

test('what own tasks ask for comes from --from; what nobody has is named', async () => {
  await publishAll()
  mkdirSync(join(folder, 'tasks'))
  const task = (assets: string) =>
    `import { doneIf, task } from 'kedge'
export default task({ description: 'x', assets: ${assets}, async check() { return doneIf(true, '') }, async run() {} })
`
  writeFileSync(join(folder, 'tasks/fetch-model.ts'), task(`['model.bin', 'kubeadm']`))
  writeFileSync(join(folder, 'kedge.config.yaml'), `${lab}  fetch-model: { on: edge }\n`)
  const missing = await create()
  expect(missing.stderr).toContain('kedge knows of no place where file model.bin is published')
  expect(missing.exitCode).toBe(7)
  writeFileSync(join(folder, 'usb/model.bin'), 'weights')
  const made = await create()
  expect(made.stderr).toContain('verified: complete for lab paper, and undamaged')
  expect(made.exitCode).toBe(0)
  expect(openBundle(join(folder, 'kedge.bundle')).asset('model.bin', 'amd64')).toMatchObject({ sizeBytes: 7 })
})
