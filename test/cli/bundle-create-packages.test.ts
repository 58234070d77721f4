import { afterEach, beforeEach, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { wantedPieces } from '../../lib/bundle/wanted.ts'
import { sumOf } from '../../lib/bundle/work-folder.ts'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { resultOf } from '../build/binary.ts'
import { type FileServer, madeBytes, pathOf, type Request, serveFiles } from '../bundle/file-server.ts'
import { makeArchive, makeImage, statusOf } from '../bundle/make-archive.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { mirrorsAt, publish } from '../bundle/published.ts'
import { kedge } from '../faults/ssh-lab.ts'
import { base } from '../topology/known.ts'
import { topologyFrom } from '../topology/load.ts'

/*
 * Kills while distribution packages are gathered: kedge is a process of its own, and apt, apt-ftparchive, tar, qemu-img and
 * debugfs are the real ones, behind a script that can stop any of them in the middle.
 */

const lab = base.replace(/^ {2}(load-images|load-kubeedge-images):.*$/gm, '  $1: null')
const pieces = wantedPieces(topologyFrom(lab))
const names = ['containerd', 'runc', 'containernetworking-plugins', 'iptables']
const toolNames = ['conntrack', 'socat', 'ebtables', 'ethtool', 'ipset']
const debBytes = 30_000

let server: FileServer
let folder: string
/** In which scripts and test tell each other things. */
let talk: string
const started: Bun.Subprocess[] = []

beforeEach(async () => {
  server = await serveFiles()
  folder = temporaryFolder()
  talk = temporaryFolder()
  writeFileSync(join(folder, 'kedge.config.yaml'), lab)
  const manifest = pieces.find(({ kind }) => kind === 'manifest')
  for (const [seed, piece] of pieces.entries())
    if (piece.kind === 'file' || piece.kind === 'manifest') {
      const content = await publish(server, piece, 5000, seed)
      if (piece === manifest) {
        const sum = createHash('sha256').update(content).digest('hex')
        writeFileSync(join(folder, 'sums'), `${sum}  ${piece.name}-all\n`)
      }
    }
  const debs = [...names, ...toolNames].map((name, seed) => ({
    name,
    version: '1.0',
    files: { [`usr/share/${name}`]: Buffer.from(madeBytes(debBytes / 2, seed)).toString('hex') },
  }))
  for (const [path, bytes] of await makeArchive(debs)) server.files.set(`/debian/${path}`, bytes)
  await makeImage(
    {
      'var/lib/dpkg/status': statusOf([{ name: 'dpkg', version: '1.21' }]),
      'usr/lib/os-release': 'ID=debian\nVERSION_CODENAME=bookworm\n',
      'etc/apt/sources.list': 'deb [trusted=yes] http://archive.invalid/debian bookworm main\n',
      'usr/share/keyrings/none': '',
    },
    join(folder, 'usb/base.qcow2'),
  )
  mkdirSync(join(talk, 'bin'))
  writeFileSync(join(talk, 'script'), script(), { mode: 0o755 })
  for (const name of ['apt-get', 'apt-ftparchive', 'tar', 'qemu-img', 'debugfs'])
    symlinkSync('../script', join(talk, 'bin', name))
}, 120_000)
afterEach(async () => {
  for (const process of started.splice(0)) {
    process.kill('SIGKILL')
    await process.exited
  }
  if (isAlive()) process.kill(heldPid(), 'SIGKILL')
  await server.close()
})

/** Counts the calls, and at the one that `stop` names, `apt-get 2`, does half of the work, says so, and waits to be killed. */
const script = () => `#!/bin/bash
name=\${0##*/}
for real in {/usr,}/{bin,sbin}/$name; do [ ! -x $real ] || break; done
[ "$name $1" != 'tar --create' ] || name=pack
echo $name >> ${talk}/calls
if [ -e ${talk}/held ] && grep -qs '^State:.[^Z]' /proc/$(cat ${talk}/held)/status; then echo $name >> ${talk}/beside; fi
if [ "$name $(grep -cx $name ${talk}/calls)" != "$(cat ${talk}/stop 2> /dev/null)" ]; then exec $real "$@"; fi
# One does not end when it is asked to.
if [ $name = pack ]; then trap '' TERM; fi
case $name in
  apt-ftparchive) $real "$@" | head -c 700 ;;
  pack) $real "$@"; truncate -s 70000 "$3" ;;
  qemu-img) $real "$@"; for disk; do :; done; truncate -s 3000000 "$disk" ;;
esac
echo $$ > ${talk}/new && mv ${talk}/new ${talk}/held
sleep 1000
`

const heldPid = () => Number(readFileSync(join(talk, 'held'), 'utf8'))
function isAlive(): boolean {
  if (!existsSync(join(talk, 'held'))) return false
  try {
    process.kill(heldPid(), 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${heldPid()}/status`, 'utf8'))
  } catch {
    return false
  }
}

function begin(output: string) {
  const mirrors = { ...mirrorsAt(server.url), debian: `${server.url}/debian` }
  const words = Object.entries(mirrors).flatMap(([name, url]) => ['--mirror', `${name}=${url}`])
  const env = { PATH: `${join(talk, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin` }
  // One after the other: the same call is always at the same place.
  const more = ['--from', 'usb', '--sums', 'sums', '--jobs', '1', '--stall', '3600', '-o', output]
  const command = [...kedge, 'bundle', 'create', ...words, ...more]
  const child = Bun.spawn(command, { cwd: folder, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  started.push(child)
  return child
}

async function whole(output: string): Promise<void> {
  const { exitCode, stderr } = await resultOf(begin(output))
  if (exitCode !== 0) throw new Error(stderr)
}

const packagesIn = (output: string) =>
  openBundle(join(folder, output)).pieces.flatMap(({ kind, name, sha256 }) =>
    kind === 'os-packages' ? [`${name} ${sha256}`] : [],
  )

/** Whatever has the name of something whole is whole: pieces, their notes, packages. */
async function nothingHalf(output: string): Promise<void> {
  expect(existsSync(join(folder, output))).toBe(false)
  const work = join(folder, `${output}.work`)
  if (!existsSync(work)) return
  const sumsOfDebs = new Map(
    [...server.files].map(([path, bytes]) => [basename(path), createHash('sha256').update(bytes).digest('hex')]),
  )
  for (const path of readdirSync(work, { recursive: true }) as string[]) {
    if (/\/debs\/[^/]+\.deb$/.test(path))
      expect((await sumOf(join(work, path))).sha256).toBe(sumsOfDebs.get(basename(path)) as string)
    if (!/^notes\/[^/]+\.json$/.test(path)) continue
    const note = JSON.parse(readFileSync(join(work, path), 'utf8')) as { path: string; sha256: string }
    if (existsSync(note.path)) expect((await sumOf(note.path)).sha256).toBe(note.sha256)
  }
}

async function mustRun({ exitCode, stderr }: Bun.ReadableSubprocess): Promise<void> {
  if (exitCode !== null) throw new Error(`it ended before, ${exitCode}: ${await new Response(stderr).text()}`)
}

/** Starts one that is held at this call, and kills it there. */
async function killAt(stop: string, output: string): Promise<void> {
  for (const name of ['calls', 'held']) rmSync(join(talk, name), { force: true })
  writeFileSync(join(talk, 'stop'), stop)
  const killed = begin(output)
  while (!isAlive()) {
    await mustRun(killed)
    await Bun.sleep(5)
  }
  killed.kill('SIGKILL')
  await killed.exited
  rmSync(join(talk, 'stop'))
}

const fromOf = ({ headers }: Request) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
const isPackage = ({ method, target }: Request) => method === 'GET' && target.endsWith('.deb')

test('killed at any package and any command, it goes on from there and ends with the same bytes', async () => {
  await whole('undisturbed')
  const expected = packagesIn('undisturbed')
  const calls = readFileSync(join(talk, 'calls'), 'utf8').trim().split('\n')
  expect(calls.filter((name) => name === 'pack')).toHaveLength(expected.length)
  const debs = [...server.files].filter(
    ([path]) => path.endsWith('.deb') && server.requests.some((each) => pathOf(each) === path),
  )
  expect(debs).toHaveLength(names.length + toolNames.length)

  const random = seededRandom(Number(process.env.KEDGE_SEED ?? 20261122))
  const below = (count: number) => Math.floor(random() * count)
  /** Bytes of each package that went over the line. */
  const sent = new Map<string, number>()
  for (let kill = 0; kill < 3; kill++) {
    const wholeOnes = below(3)
    let asked = 0
    let stalled: { readonly name: string; readonly bytes: number } | undefined
    server.intercept = (request, usual) => {
      if (!isPackage(request) || !usual.body) return usual
      const isLast = asked++ === wholeOnes
      const stallAt = isLast ? 1 + below(usual.body.length - 1) : usual.body.length
      sent.set(pathOf(request), (sent.get(pathOf(request)) ?? 0) + stallAt)
      if (!isLast) return usual
      stalled = { name: basename(pathOf(request)), bytes: fromOf(request) + stallAt }
      return { ...usual, stallAt }
    }
    const killed = begin('out')
    while (!stalled || partBytes(stalled.name) < stalled.bytes) {
      await mustRun(killed)
      await Bun.sleep(5)
    }
    killed.kill('SIGKILL')
    await killed.exited
    await nothingHalf('out')
  }
  server.intercept = (request, usual) => {
    if (isPackage(request)) sent.set(pathOf(request), (sent.get(pathOf(request)) ?? 0) + (usual.body?.length ?? 0))
    return usual
  }
  const early = ['qemu-img 1', 'debugfs 1', 'apt-get 1', 'apt-get 2'] as const
  // The second piece's come when the first one is whole.
  for (const stop of [early[below(4)] ?? '', `apt-ftparchive ${1 + below(4)}`, 'pack 1']) {
    await killAt(stop, 'out')
    await nothingHalf('out')
  }
  await whole('out')
  expect(packagesIn('out')).toEqual(expected)
  expect(existsSync(join(folder, 'out.work'))).toBe(false)
  // One of the packages is in both pieces.
  const once = debs.map(([path, { length }]) => [path, path.includes('/iptables_') ? 2 * length : length] as const)
  expect(Object.fromEntries(sent)).toEqual(Object.fromEntries(once))
  // What a killed one had begun was ended before anything else was.
  expect(existsSync(join(talk, 'beside'))).toBe(false)
}, 300_000)

/** Of a package that is on its way. */
function partBytes(name: string): number {
  const parts = join(folder, 'out.work/parts')
  const piece = existsSync(parts) ? readdirSync(parts).filter((each) => each.endsWith('.packages')) : []
  const paths = piece.flatMap((each) => [join(parts, each, `${name}.part`), join(parts, each, 'debs', name)])
  return Math.max(0, ...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0))
}
