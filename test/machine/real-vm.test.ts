import { afterAll, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { resultOf } from '../build/binary.ts'
import { accelerator } from '../lab/accelerator.ts'
import { image } from '../lab/image.ts'
import { labFrom } from '../lab/lab.ts'
import { startLibvirtd, stopLibvirtd } from '../lab/libvirtd.ts'
import { createNamespace, inside, removeNamespace } from '../lab/namespace.ts'

const isAsked = process.env.KEDGE_LAB === '1' && process.getuid?.() === 0
if (!isAsked) console.log('skipped: one real VM (needs root and KEDGE_LAB=1; 1 to 3 minutes without KVM)')

const namespace = 'kedge-real-vm'
const folder = isAsked ? mkdtempSync('/var/tmp/kedge-vm-') : ''
const libvirtd = { namespace, folder: join(folder, 'lv') }

afterAll(async () => {
  if (!isAsked) return
  await stopLibvirtd(libvirtd)
  await removeNamespace(namespace)
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!isAsked)(
  'one real VM: created, a NIC plugged in, known by its pinned key, a pack its disk and back again, removed without a trace',
  async () => {
    chmodSync(folder, 0o711)
    const { cache } = labFrom()
    const made = await image(cache)
    await createNamespace(namespace)
    const uri = await startLibvirtd(libvirtd, { hideKvm: (await accelerator(made, cache)) === 'tcg' })
    const scenario = join(import.meta.dir, 'real-vm.ts')
    const command = inside(namespace, [process.execPath, scenario, uri, made.qcow2, folder])
    const { exitCode, stdout, stderr } = await resultOf(Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' }))
    expect(exitCode, stderr.slice(-3000)).toBe(0)
    const facts = JSON.parse(stdout)
    console.log(`ready after ${facts.secondsToReady} s`)
    expect(facts).toEqual({
      networks: { done: true },
      before: { done: false, why: 'domain realvm-edge-1 is not defined' },
      secondsToReady: expect.any(Number),
      bare: { done: true },
      grown: { done: false, why: 'realvm-edge-1: no NIC on edge-1' },
      after: { done: true },
      guest: [
        'edge-1',
        expect.stringMatching(/^192\.168\.22\.21 STREAM/),
        expect.stringMatching(/^lo /),
        'lan-management UP 192.168.22.21/24',
        'lan-edge-1 UP 192.168.24.2/30',
        expect.stringMatching(/^ssh-ed25519 \S+ edge-1$/),
      ],
      bundle: { folder: '/run/kedge/bundle', isWhole: true },
      detached: { told: ['edge-1 true', 'edge-1 false'], device: false },
      attachedAgain: { folder: '/run/kedge/bundle', isWhole: true },
      copied: [],
      isOwnersStill: true,
      left: [],
      leftAgain: [],
    })
  },
  1_800_000,
)

test.skipIf(!isAsked)(
  'a real libvirt: a lab with snapshots and renamed VMs goes, and its namesakes and neighbours stay',
  async () => {
    await createNamespace(namespace)
    const uri = await startLibvirtd(libvirtd, { hideKvm: true })
    const own = mkdtempSync(join(folder, 'destroy-'))
    const command = inside(namespace, [process.execPath, join(import.meta.dir, 'real-destroy.ts'), uri, own])
    const { exitCode, stdout, stderr } = await resultOf(Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' }))
    expect(exitCode, stderr.slice(-3000)).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      // Four VMs; one network that they are on, with its link.
      found: 6,
      foreign: ['VM paper-worker'],
      left: [],
      // A stranger's network is called paper-edge-1, as the VM was.
      gone: ['paper-edge-2', 'paper-management', 'paper-master', 'renamed'],
      kept: ['lab paper-2 uses it'],
      folder: ['notes.txt'],
      beside: 4,
      isBaseThere: true,
    })
  },
  600_000,
)
