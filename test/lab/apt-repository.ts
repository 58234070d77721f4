import { readdir } from 'node:fs/promises'
import { $ } from './shell.ts'

/**
 * Packs a folder of .deb files and their index as the flat apt repository that an `os-packages` piece is. The packages' content
 * is the distribution's own, compressed anew: to unpack xz takes an emulated node minutes.
 */
export async function makeAptRepository(folder: string, tar: string): Promise<void> {
  await $`cd ${folder} && for package in *.deb; do
    content=$(mktemp -d)
    dpkg-deb --raw-extract "$package" "$content"
    dpkg-deb -Zzstd -z1 --build "$content" "$package.new" > /dev/null
    mv "$package.new" "$package"; rm -rf "$content"
  done`
  await $`cd ${folder} && apt-ftparchive packages . >Packages.new && mv Packages.new Packages`
  await $`tar --create --file ${tar} --sort=name --owner=0 --group=0 --mtime=@0 --directory ${folder} .`
}

/** Version of a package as its file's name has it, `1.6.20~ds1-1+deb12u3`; an epoch's colon is `%3a` there. */
export async function packagedVersion(folder: string, name: string): Promise<string> {
  const file = (await readdir(folder)).find((candidate) => candidate.startsWith(`${name}_`))
  return file ? decodeURIComponent(file.split('_')[1] ?? '') : '0'
}
