import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { aptSources } from './apt-sources.ts'
import { dpkgOptions, imagePackages, maskedUnits } from './image-packages.ts'
import { distribution } from './packages.ts'
import { $ } from './shell.ts'

export const overlayFolder: string = join(import.meta.dir, 'image')
const swapBytes = 128 * 1024 * 1024

/** Fills `root` with the VMs' file system. */
export async function makeImageRoot(root: string, log: string): Promise<void> {
  const { id, codename } = await distribution()
  const sources = `${root}.list`
  await writeFile(sources, `${(await aptSources()).join('\n')}\n`)
  const options = [
    ...dpkgOptions.map((option) => `--dpkgopt=${option}`),
    `--aptopt=Acquire::Languages "none"`,
    // /usr merged from the start: the package that merges it later brings all of Perl along.
    '--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr',
    // The lab's initial RAM disk is its own (image-disk.ts): a generic one takes 15 s to make and 3 s longer to boot.
    '--essential-hook=chroot "$1" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs',
    '--essential-hook=mkdir -p "$1/usr/sbin" && ln -s /bin/true "$1/usr/sbin/update-initramfs"',
  ]
  const include = `--include=${imagePackages(id).join(',')}`
  // Its mounts are seen by nobody else, so none can be left behind or be walked into by the clean-up.
  const run =
    await $`unshare --mount -- mmdebstrap --mode=root --variant=minbase --format=directory ${options} ${include} ${codename} ${root} ${sources} >${log} 2>&1`.nothrow()
  if (run.exitCode !== 0) {
    const tail = await $`tail -n 25 ${log}`.text()
    throw new Error(`mmdebstrap failed (the whole log: ${log}):\n${tail}`)
  }
  await rm(sources)
  await configure(root)
}

async function configure(root: string): Promise<void> {
  await $`cp -r --no-preserve=mode ${overlayFolder}/. ${root}/`
  await chmod(join(root, 'etc/ufw/user.rules'), 0o640)
  // An address of the lab's own, and no name server: the VMs have nobody to ask.
  await writeFile(join(root, 'etc/hostname'), 'lab\n')
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost\n')
  await writeFile(join(root, 'etc/resolv.conf'), '')
  // Every clone makes its own identity at its first boot, or gets it from the seed.
  await writeFile(join(root, 'etc/machine-id'), '')
  await $`rm -f ${root}/var/lib/dbus/machine-id ${root}/etc/ssh/ssh_host_*`
  await $`rm -rf ${root}/etc/update-motd.d ${root}/var/lib/apt/lists ${root}/var/log/bootstrap.log`

  // cloud-init does without these (a seed's syntax is not checked, `## template: jinja` is not for us), and loading them is
  // half of its start.
  await $`cd ${root}/usr/lib/python3/dist-packages && rm -rf jsonschema jinja2 charset_normalizer`
  await $`sed -i s/^IPV6=yes/IPV6=no/ ${root}/etc/default/ufw`

  const system = join(root, 'etc/systemd/system')
  for (const unit of maskedUnits) await link('/dev/null', join(system, unit))
  await link(
    '/lib/systemd/system/systemd-networkd.service',
    join(system, 'multi-user.target.wants/systemd-networkd.service'),
  )
  // The generator asks ds-identify where the seed might be, a long shell script; here it can only be in one place.
  await link('/dev/null', join(root, 'etc/systemd/system-generators/cloud-init-generator'))
  await link('/lib/systemd/system/cloud-init.target', join(system, 'multi-user.target.wants/cloud-init.target'))

  // Holes are filled in by image-disk.ts: a sparse file cannot be swapped to.
  const swap = join(root, 'swapfile')
  await $`truncate -s ${swapBytes} ${swap} && chmod 600 ${swap} && mkswap --quiet ${swap}`
  // Older than /usr, these two would have systemd rebuild caches at the first boot.
  await $`touch ${root}/etc/.updated ${root}/var/.updated`
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await rm(path, { force: true })
  await symlink(target, path)
}
