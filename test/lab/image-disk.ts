import { chmod, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { $ } from './shell.ts'

/** Virtual size: what lab.yaml gives its VMs, so that no VM spends its first boot on growing the file system. */
export const imageDiskGiB = 8
const MiB = 1024 * 1024
const bootStart = 1 * MiB
const bootMiB = 40
export const rootStart: number = bootStart + bootMiB * MiB

// No mitigations, no audit, neither AppArmor nor SELinux: an emulated processor gains nothing from them and pays for each.
// The TSC is kept because a busy host makes the kernel distrust it, and every other clock is a device, slow to read.
const commandLine = [
  'root=/dev/vda2 rw console=ttyS0 net.ifnames=0 quiet',
  'tsc=reliable no5lvl init_on_alloc=0 rcupdate.rcu_expedited=1 8250.nr_uarts=1',
  'mitigations=off nokaslr audit=0 lsm=lockdown,yama nowatchdog random.trust_cpu=on cryptomgr.notests',
  'systemd.show_status=false systemd.gpt_auto=no fsck.mode=skip',
].join(' ')

/** Writes a self-booting BIOS disk to `qcow2` from the file system in `root`; no loop device, no mount. */
export async function makeImageDisk(root: string, qcow2: string, scratch: string): Promise<void> {
  const kernel = (await readdir(join(root, 'lib/modules')))[0]
  if (!kernel) throw new Error(`no kernel was installed in ${root}`)
  const initrd = join(scratch, 'initrd')
  await makeInitrd(root, kernel, join(scratch, 'initrd.d'), initrd)
  const linux = join(root, 'boot', `vmlinuz-${kernel}`)
  const config = join(scratch, 'syslinux.cfg')
  await writeFile(
    config,
    `DEFAULT lab\nPROMPT 0\nLABEL lab\n  KERNEL vmlinuz\n  INITRD initrd\n  APPEND ${commandLine}\n`,
  )

  const disk = join(scratch, 'disk.raw')
  await $`truncate -s ${imageDiskGiB}G ${disk}`
  const table = `label: dos\nstart=${bootStart / 512}, size=${(bootMiB * MiB) / 512}, type=c, bootable\nstart=${rootStart / 512}, type=83\n`
  await $({ input: table })`sfdisk --quiet ${disk}`
  await $`dd if=/usr/lib/syslinux/mbr/mbr.bin of=${disk} bs=440 count=1 conv=notrunc status=none`
  await $`mkfs.fat -F 16 -n BOOT --offset ${bootStart / 512} ${disk} ${bootMiB * 1024} >/dev/null`
  await $`mcopy -i ${`${disk}@@${bootStart}`} ${config} ${initrd} ::`
  await $`mcopy -i ${`${disk}@@${bootStart}`} ${linux} ::vmlinuz`
  await $`syslinux --offset ${bootStart} --install ${disk}`

  // A small journal and few inodes: less to write now and less for the kernel to initialise behind a booting VM.
  const rootKiB = (imageDiskGiB * 1024 * MiB - rootStart) / 1024
  await $`mke2fs -q -t ext4 -L root -d ${root} -N 262144 -J size=32 -E ${`offset=${rootStart},lazy_itable_init=1,nodiscard`} ${disk} ${rootKiB}k`
  const lastBlock = (await Bun.file(join(root, 'swapfile')).size) / 4096 - 1
  await $`debugfs -w -R ${`fallocate /swapfile 0 ${lastBlock}`} ${`${disk}?offset=${rootStart}`} 2>&1`
  await $`qemu-img convert -f raw -O qcow2 -o lazy_refcounts=on,cluster_size=64k ${disk} ${qcow2}`
}

/** klibc's tools and the disk driver: 1 MB where a generic initial RAM disk has 13. */
async function makeInitrd(root: string, kernel: string, folder: string, archive: string): Promise<void> {
  for (const name of ['bin', 'lib', 'dev', 'root', 'modules']) await mkdir(join(folder, name), { recursive: true })
  for (const tool of ['sh', 'mount', 'insmod', 'sleep', 'run-init', 'poweroff']) {
    await copyFile(join(root, 'usr/lib/klibc/bin', tool), join(folder, 'bin', tool))
  }
  const libraries = (await readdir(join(root, 'usr/lib'))).filter((name) => /^klibc-.*\.so$/.test(name))
  for (const name of libraries) await copyFile(join(root, 'usr/lib', name), join(folder, 'lib', name))
  await copyFile(join(import.meta.dir, 'image-init.sh'), join(folder, 'init'))
  await chmod(join(folder, 'init'), 0o755)
  const shown = await $`for m in virtio_pci virtio_blk; do chroot ${root} modprobe -S ${kernel} --show-depends $m; done`
  const order: string[] = []
  for (const file of new Set(shown.stdout.match(/(?<=^insmod )\S+/gm) ?? [])) {
    // klibc's insmod reads plain modules only; some distributions ship them compressed.
    const name = basename(file).replace(/\.zst$/, '')
    await $`if [ ${file} = ${file.replace(/\.zst$/, '')} ]; then cat ${join(root, file)}; else zstd -dc ${join(root, file)}; fi >${join(folder, 'modules', name)}`
    order.push(name)
  }
  await writeFile(join(folder, 'modules/order'), `${order.join('\n')}\n`)
  await $`cd ${folder} && find . | cpio --quiet -o -H newc >${archive}`
}
