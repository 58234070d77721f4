import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wantedPieces } from '../../lib/bundle/wanted.ts'
import { builtBinary, type Result, resultOf } from '../build/binary.ts'
import { type FileServer, serveFiles } from '../bundle/file-server.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { mirrorsAt, publish } from '../bundle/published.ts'
import { type CoveredMachine, canCover, coveredMachine } from '../faults/covered-machine.ts'
import { nodeOn } from '../faults/ssh-lab.ts'
import { topologyFrom } from '../topology/load.ts'

/*
 * README's way without internet, command by command as it stands there, by a shell. Where pieces are published is a server
 * of this test's, which the lab file names as its mirrors; the lab is one machine behind a real sshd, and one program.
 */

const section = /^## Without internet\n([\s\S]+?)^## /m.exec(
  readFileSync(join(import.meta.dir, '../../README.md'), 'utf8'),
)
const blocks = [...(section?.[1] ?? '').matchAll(/(?:^ {4}\S.*\n)+/gm)].map(([block]) =>
  block.split('\n').flatMap((line) => line.replace(/\s+#\s.*$/, '').trim() || []),
)
const [connected = [], onHypervisor = [], theBundleAlone = []] = blocks

let server: FileServer
let machine: CoveredMachine
let keadm: Uint8Array
const folder = temporaryFolder()
const lab = join(folder, 'lab')
const hypervisor = join(folder, 'hypervisor')

beforeAll(async () => {
  if (!canCover) return
  for (const name of ['lab', 'hypervisor', 'home/.ssh', 'bin', 'machine-bin', 'scratch'])
    mkdirSync(join(folder, name), { recursive: true })
  server = await serveFiles()
  machine = await coveredMachine(join(folder, 'scratch'), ['/var/lib', '/usr/local'], join(folder, 'machine-bin'))
  const { port, hostKeyLine } = machine.sshd
  writeFileSync(join(folder, 'home/.ssh/known_hosts'), `[127.0.0.1]:${port} ${hostKeyLine}\n`)
  const sources = Object.entries(mirrorsAt(server.url)).map(([name, url]) => `    ${name}: ${url}\n`)
  const text = `version: 1
lab: without-internet
extends: none
nodes:
  pi: ${nodeOn(machine.sshd).replace('role: edge', 'role: control-plane')}
kubeedge: { version: 1.23.1 }
bundle: ./kedge.bundle
mirrors:
  sources:
${sources.join('')}tasks:
  install-cloudcore: { on: pi }
`
  writeFileSync(join(lab, 'kedge.config.yaml'), text)
  const [piece, ...others] = wantedPieces(topologyFrom(text))
  if (!piece || others.length > 0) throw new Error('the lab is to want one piece')
  keadm = await publish(server, piece, 300_000)
  symlinkSync(builtBinary(), join(folder, 'bin/kedge'))
  // Where the hypervisor is another machine, this is.
  writeFileSync(join(folder, 'bin/scp'), `#!/bin/sh\n[ "$2" = hypervisor: ] && cp "$1" ${hypervisor}/\n`, {
    mode: 0o755,
  })
}, 300_000)
afterAll(async () => {
  await server?.close()
  await machine?.stop()
})

function shell(command: string, cwd: string): Promise<Result> {
  const env = { PATH: `${folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: join(folder, 'home') }
  return resultOf(Bun.spawn(['bash', '-c', command], { cwd, env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' }))
}

async function mustDo(command: string, cwd: string): Promise<Result> {
  const result = await shell(command, cwd)
  expect({ command, ...result }).toMatchObject({ exitCode: 0 })
  return result
}

test('README has the way: what is done where there is internet, what on the hypervisor, and the bundle alone', () => {
  const names = (commands: readonly string[]) => commands.map((command) => command.split(' ').slice(0, 3).join(' '))
  expect(names(connected)).toEqual(['kedge bundle create', 'kedge pack -o', 'scp kedge-lab hypervisor:'])
  expect(names(onHypervisor)).toEqual(['./kedge-lab bundle verify', './kedge-lab run all'])
  expect(names(theBundleAlone).filter((name) => !name.startsWith('kedge bundle '))).toEqual([])
})

describe.skipIf(!canCover)('README, without internet', () => {
  test('the commands bring the lab about, on the hypervisor with the one file and without the internet', async () => {
    for (const command of connected) await mustDo(command, lab)
    expect(server.requests.length).toBeGreaterThan(0)
    await server.close()
    rmSync(lab, { recursive: true })
    expect(readdirSync(hypervisor)).toEqual(['kedge-lab'])
    const verified = await mustDo(onHypervisor[0] ?? '', hypervisor)
    expect(verified.stderr).toContain('complete for lab without-internet, and undamaged')
    for (const command of onHypervisor.slice(1)) await mustDo(command, hypervisor)
    const sum = new Bun.CryptoHasher('sha256').update(keadm).digest('hex')
    expect(machine.onNode('sha256sum < /usr/local/bin/keadm')).toStartWith(sum)
    expect((await mustDo('./kedge-lab run all', hypervisor)).stderr).toContain('already so')
  }, 300_000)

  test('the bundle’s own commands do what is said beside them', async () => {
    const own = join(folder, 'again')
    mkdirSync(own)
    await mustDo(`cp ${hypervisor}/.kedge/packed/kedge.config.yaml .`, own)
    // Out of VMs, of which there are none here, it is taken in test/machine.
    const here = theBundleAlone.filter((command) => command !== 'kedge bundle detach')
    expect(here).toHaveLength(theBundleAlone.length - 1)
    for (const written of here) {
      // The drive is wherever this machine has it.
      const command = written.replace('/media/usb/kedge.bundle', `${hypervisor}/kedge-lab`)
      const { exitCode, stderr, stdout } = await shell(command, own)
      if (command.includes('--dry-run')) expect(`${stdout}${stderr}`).toContain('keadm')
      else if (command.includes('verify')) expect({ exitCode, stderr }).toMatchObject({ exitCode: 7 })
      else expect({ command, exitCode, stderr }).toMatchObject({ exitCode: 0 })
    }
  }, 300_000)
})
