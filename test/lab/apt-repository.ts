import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { aptSourcesOf } from '../../lib/bundle/apt-sources.ts'
import { download } from '../../lib/bundle/download.ts'
import { readImageSystem } from '../../lib/bundle/image-system.ts'
import { makeRepository } from '../../lib/bundle/make-repository.ts'
import { packageClosure } from '../../lib/bundle/package-closure.ts'
import { packageSets } from '../../lib/bundle/package-sets.ts'
import { defaultWeb } from '../../lib/bundle/web.ts'
import { $ } from './shell.ts'

/** The `os-packages` pieces that the lab's nodes install. */
export const packagePieces = ['containerd', 'kubernetes-node'] as const

/**
 * Makes, for each of these pieces, `<piece>.tar` in the folder and the folder `<piece>/debs`, as `kedge bundle create` would: what
 * the VM image lacks, by apt, from the archives that the image names. Only that packages are compressed anew, since to unpack
 * xz takes an emulated node minutes.
 */
export async function makeAptRepositories(qcow2: string, folder: string): Promise<void> {
  const piece = {
    name: 'base',
    kind: 'vm-image',
    version: '',
    architecture: 'amd64',
    sizeBytes: 0,
    sha256: '',
    roles: [],
  } as const
  const read = join(folder, 'image')
  const { signal } = new AbortController()
  const web = { ...defaultWeb, env: process.env }
  const { aptFolder, ...system } = await readImageSystem({ ...piece, path: qcow2 }, read, $)
  const sources = aptSourcesOf({ ...system, aptFolder }, {})
  const target = { ...system, sources, trustedFolder: join(aptFolder, 'trusted.gpg.d') }
  for (const name of packagePieces) {
    const packages = packageSets[name] ?? []
    const place = join(folder, name)
    const debs = join(place, 'debs')
    const files = await packageClosure(packages, target, { folder: join(place, 'apt'), web, $ })
    await mkdir(debs, { recursive: true })
    for (const { url, name: file, sha256 } of files) {
      const path = join(debs, file)
      await download({ url, path, part: `${path}.part`, checksum: { algorithm: 'sha256', hex: sha256 } }, web, signal)
    }
    await compressAnew(debs)
    await makeRepository(
      files.map((file) => file.name),
      packages,
      { folder: place, tar: `${place}.tar`, $ },
    )
    await rm(join(place, 'apt'), { recursive: true })
  }
  await rm(read, { recursive: true })
}

const compressAnew = (folder: string) => $`cd ${folder} && for package in *.deb; do
    content=$(mktemp -d)
    dpkg-deb --raw-extract "$package" "$content"
    dpkg-deb -Zzstd -z1 --build "$content" "$package.new" > /dev/null
    mv "$package.new" "$package"; rm -rf "$content"
  done`

/** Version of a package as its file's name has it, `1.6.20~ds1-1+deb12u3`; an epoch's colon is `%3a` there. */
export async function packagedVersion(folder: string, name: string): Promise<string> {
  const file = (await readdir(folder)).find((candidate) => candidate.startsWith(`${name}_`))
  return file ? decodeURIComponent(file.split('_')[1] ?? '') : '0'
}
