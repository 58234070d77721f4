import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { deliver, forget } from './deliver.ts'

/**
 * Installs all distribution packages of an `os-packages` piece: a tar with the packages and, since their closure was worked
 * out against the VM image, everything that they depend on. What the node has in the same or a newer version stays, and no
 * service is started: nothing shall run before it is configured.
 * Nothing leaves the node.
 */
export async function installPackages(ctx: TaskContext, pieceName: string): Promise<void> {
  const { $ } = ctx
  if ((await $`command -v dpkg`.nothrow()).exitCode !== 0) {
    throw refused(
      `${ctx.node.name} has no dpkg, and ${pieceName} in this bundle holds Debian packages`,
      'use a Debian or Ubuntu image',
    )
  }
  const asset = ctx.asset(pieceName)
  const tar = await deliver(ctx, asset)
  const folder = `/var/lib/kedge/packages/${pieceName}`
  // An existing machine may be in the middle of its own updates: wait for the lock rather than fail.
  await $`rm -rf ${folder} && mkdir -p ${folder} && tar -xf ${tar} -C ${folder}
export DEBIAN_FRONTEND=noninteractive
if [ ! -e ${policy} ] || grep -q kedge ${policy}; then
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\\n# kedge: what is installed now is started when it has been configured\\nexit 101\\n' > ${policy}; chmod 755 ${policy}
fi
until dpkg --refuse-downgrade --skip-same-version --force-confold --install ${folder}/*.deb 2> ${folder}/errors; do
  cat ${folder}/errors >&2
  grep -q 'lock was locked by another process' ${folder}/errors || exit 1
  sleep 5
done
cat ${folder}/errors >&2
rm -rf ${folder}`
  await forget(ctx, [tar])
}

/** Debian's switch by which an installation starts no service. */
const policy = '/usr/sbin/policy-rc.d'

/** dpkg's own placeholders: a package's name and status. */
const statusFormat = `${['Package', 'db:Status-Status'].map((field) => `\${${field}}`).join(' ')}\n`

/** Those of the packages that dpkg does not call installed. */
export async function missingPackages(ctx: TaskContext, packages: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await ctx.$`dpkg-query -W -f ${statusFormat} ${packages} 2>/dev/null`.nothrow()
  const installed = new Set(
    stdout.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])),
  )
  return packages.filter((name) => !installed.has(name))
}
