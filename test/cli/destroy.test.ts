import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runIn } from '../build/binary.ts'

setDefaultTimeout(120_000)

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-destroy-'))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  // A libvirt that knows nothing.
  writeFileSync(
    join(bin, 'virsh'),
    `#!/bin/sh
echo "$*" >> ${join(folder, 'asked')}
case "$*" in *dumpxml*) echo "error: failed to get domain" >&2; exit 1 ;; esac
`,
  )
  chmodSync(join(bin, 'virsh'), 0o755)
  writeFileSync(
    join(folder, 'kedge.config.yaml'),
    `version: 1
lab: paper
extends: none
hypervisor: { storage: ${join(folder, 'storage')} }
networks: { lan: { cidr: 10.0.0.0/24, management: true } }
nodes:
  master: { role: control-plane, ssh: { host: 127.0.0.1, port: 1, user: pi }, networks: { lan: 10.0.0.2 } }
  edge-1: { role: edge, networks: { lan: 10.0.0.7 } }
tasks: {}
`,
  )
  for (const path of ['storage/paper', 'storage/paper-2', '.kedge/paper', '.kedge/paper-2'])
    mkdirSync(join(folder, path), { recursive: true, mode: 0o700 })
  for (const path of [
    'storage/paper/edge-1.qcow2',
    'storage/paper/mine',
    'storage/paper-2/edge-1.qcow2',
    '.kedge/paper-2/x',
  ])
    writeFileSync(join(folder, path), '')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const main = join(import.meta.dir, '../../lib/cli/main.ts')
const destroy = (...words: string[]) =>
  runIn(folder, [process.execPath, main, 'destroy', ...words], {
    PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
    HOME: folder,
  })
const has = (path: string) => existsSync(join(folder, path))

test('with nobody to be asked it says what it would remove and the words to type, and removes nothing: 2', () => {
  const { exitCode, stderr } = destroy('-c', 'kedge.config.yaml', '--purge')
  expect(stderr).toContain('edge-1.qcow2')
  expect(stderr).toContain('master: a machine of yours, pi@127.0.0.1')
  expect(stderr).toContain('kedge destroy -c kedge.config.yaml --purge --yes')
  expect(exitCode).toBe(2)
  expect(has('storage/paper/edge-1.qcow2')).toBe(true)
  expect(has('.kedge/paper')).toBe(true)
})

test('--yes removes it, shows the proof, and keeps the journal; --purge takes this lab’s state and no other’s', () => {
  const { exitCode, stderr } = destroy('--yes')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('0 of 0 VMs, 0 of 0 networks') })
  expect(stderr).toContain('nothing of kedge’s')
  expect(has('storage/paper/edge-1.qcow2')).toBe(false)
  expect(has('storage/paper/mine')).toBe(true)
  expect(has('.kedge/paper')).toBe(true)
  expect(destroy('--yes', '--purge').exitCode).toBe(0)
  expect(has('.kedge/paper')).toBe(false)
  expect(has('.kedge/paper-2/x')).toBe(true)
  expect(has('storage/paper-2/edge-1.qcow2')).toBe(true)
  expect(readFileSync(join(folder, 'asked'), 'utf8')).not.toMatch(/destroy|undefine/)
})

test('--node: a cluster that does not answer is said and stops nothing; a machine with the cluster on it is not touched', () => {
  const { exitCode, stderr } = destroy('--node', 'edge-1', '--yes')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('the cluster was not told') })
  expect(has('storage/paper/edge-1.qcow2')).toBe(false)
  expect(destroy('--node', 'master', '--yes').stderr).toContain('master was not touched')
  expect(destroy('--node', 'edge-1', '--purge', '--yes').exitCode).toBe(2)
  expect(destroy('--node', 'edge-7', '--yes')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('edge-1') })
})

test('a lab of machines of one’s own needs no libvirt; a machine and a cluster that do not answer are said, and stop nothing', () => {
  writeFileSync(join(folder, 'bin/virsh'), '#!/bin/sh\necho "error: failed to connect to the hypervisor" >&2\nexit 1\n')
  const file = join(folder, 'kedge.config.yaml')
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(
      /edge-1: .*/,
      'edge-1: { role: edge, ssh: { host: 127.0.0.1, port: 1, user: pi }, cloudcore: 10.0.0.2 }',
    ),
  )
  expect(destroy('--yes')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('it has never had a VM') })
  const { exitCode, stderr } = destroy('--node', 'edge-1', '--yes')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringContaining('the cluster was not told: ') })
  expect(stderr).toContain('edge-1 itself was not told: ')
  expect(stderr).toContain('once it answers: kedge destroy --node edge-1')
  // Where there may have been VMs, libvirt has to be asked.
  mkdirSync(join(folder, '.kedge/paper/keys'))
  expect(destroy('--yes')).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('libvirt does not answer') })
})
