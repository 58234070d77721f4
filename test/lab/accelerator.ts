import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from './image.ts'
import { say } from './progress.ts'
import { $ } from './shell.ts'

export type Accelerator = 'kvm' | 'tcg'

/**
 * What the lab's VMs can run on here. A /dev/kvm that is there, and even opens, proves nothing: on some hosts a kernel
 * hangs under it. So the lab's own kernel is booted on it once, and the verdict kept for as long as this machine is up.
 */
export async function accelerator(image: Image, cache: string, environment = process.env): Promise<Accelerator> {
  const wished = environment.KEDGE_LAB_ACCELERATOR
  if (wished === 'kvm' || wished === 'tcg') return wished
  if (!existsSync('/dev/kvm')) return 'tcg'
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const verdict = join(cache, `accelerator-${boot}`)
  const known = await readFile(verdict, 'utf8').catch(() => undefined)
  if (known === 'kvm' || known === 'tcg') return known
  const found = (await bootsOnKvm(image)) ? 'kvm' : 'tcg'
  await mkdir(cache, { recursive: true })
  await writeFile(verdict, found)
  if (found === 'tcg') say('/dev/kvm is there, but no kernel boots on it: the VMs are emulated')
  return found
}

/** With KVM the kernel's first line takes well under a second to appear. */
const patienceSeconds = 8

async function bootsOnKvm({ kernel, initrd }: Image): Promise<boolean> {
  const machine = ['-accel', 'kvm', '-cpu', 'host', '-m', '256', '-nodefaults', '-display', 'none', '-no-reboot']
  const boot = ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 panic=-1', '-serial', 'stdio']
  const qemu = $({
    input: '',
  })`timeout -s KILL ${patienceSeconds} qemu-system-x86_64 ${[...machine, ...boot]}`.nothrow()
  for await (const line of qemu) {
    if (!/Run \/init as init process/.test(line)) continue
    qemu.kill('SIGKILL')
    return true
  }
  return false
}
