import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TaskError } from '../event/failure.ts'
import type { Shell } from '../host/host.ts'

/** In a repository: the names of the packages that it is there to install, one a line. */
export const installList = 'install'

/**
 * Makes a flat apt repository of the packages `files` in `folder/debs`, and a tar of it: the same packages make the same
 * bytes. Nobody signs it: the sum of the piece vouches for all.
 */
export async function makeRepository(
  files: readonly string[],
  packages: readonly string[],
  { folder, tar, $ }: { readonly folder: string; readonly tar: string; readonly $: Shell },
): Promise<void> {
  const repository = join(folder, 'repository')
  rmSync(repository, { recursive: true, force: true })
  mkdirSync(repository, { recursive: true })
  for (const name of files) linkSync(join(folder, 'debs', name), join(repository, name))
  writeFileSync(join(repository, installList), `${packages.join('\n')}\n`)
  const fail = (stderr: string) =>
    new TaskError({
      kind: /No space left/.test(stderr) ? 'refused' : 'bundle',
      message: `no repository could be made of the packages: ${stderr.trim().split('\n').at(-1)}`,
    })
  const listed = await $`cd ${repository} && LC_ALL=C apt-ftparchive packages .`.nothrow()
  if (listed.exitCode !== 0) throw fail(listed.stderr)
  // The order in which a folder is read, and the date, are no part of the content.
  writeFileSync(
    join(repository, 'Packages'),
    listed.stdout
      .split(/\n{2,}/)
      .filter(Boolean)
      .sort()
      .join('\n\n')
      .concat('\n'),
  )
  const packed = await $`cd ${repository} && export LC_ALL=C
apt-ftparchive release . | sed 's/^Date: .*/Date: Thu, 01 Jan 1970 00:00:00 UTC/' > ../Release && mv ../Release .
tar --create --file ${`${tar}.new`} --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@0 . && mv ${`${tar}.new`} ${tar}`.nothrow()
  if (packed.exitCode !== 0) throw fail(packed.stderr)
}
