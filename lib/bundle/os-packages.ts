import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { deliver, forget } from './deliver.ts'

/**
 * Installs distribution packages from an `os-packages` piece: a tar that holds a flat apt repository (the packages and
 * their `Packages` index, dependencies included). apt sees that repository and nothing else, so nothing leaves the node.
 */
export async function installPackages(ctx: TaskContext, pieceName: string, packages: readonly string[]): Promise<void> {
  const { $ } = ctx
  if ((await $`command -v apt-get`.nothrow()).exitCode !== 0) {
    throw refused(
      `${ctx.node.name} has no apt-get, and ${pieceName} in this bundle holds Debian packages`,
      'use a Debian or Ubuntu image',
    )
  }
  const asset = ctx.asset(pieceName)
  const tar = await deliver(ctx, asset)
  const repository = `/var/lib/kedge/packages/${pieceName}`
  await $`rm -rf ${repository} && mkdir -p ${repository} && tar -xf ${tar} -C ${repository}`
  await ctx.host.write(`${repository}.list`, `deb [trusted=yes] file:${repository} ./\n`)
  // An existing machine may be in the middle of its own updates: wait for the lock rather than fail.
  const apt = [
    '-o',
    `Dir::Etc::SourceList=${repository}.list`,
    '-o',
    'Dir::Etc::SourceParts=-',
    '-o',
    `Dir::State::Lists=${repository}.lists`,
    '-o',
    'DPkg::Lock::Timeout=120',
    '-o',
    'Dpkg::Options::=--force-confold',
    '-o',
    'APT::Sandbox::User=root',
  ]
  await $`mkdir -p ${repository}.lists/partial && apt-get -q ${apt} update`
  // A package that a killed run left half configured would stop apt-get.
  await $`DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confold`
  await $`DEBIAN_FRONTEND=noninteractive apt-get -q -y ${apt} install --no-install-recommends ${packages}`
  await $`rm -rf ${repository} ${repository}.lists ${repository}.list`
  await forget(ctx, asset)
}

/** Those of the packages that dpkg does not call installed. */
export async function missingPackages(ctx: TaskContext, packages: readonly string[]): Promise<readonly string[]> {
  const { stdout } =
    await ctx.$`dpkg-query -W -f ${'${Package} ${db:Status-Status}\n'} ${packages} 2>/dev/null`.nothrow()
  const installed = new Set(
    stdout.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])),
  )
  return packages.filter((name) => !installed.has(name))
}
