import { refused } from '../event/failure.ts'
import type { TaskContext } from '../task/task.ts'
import { deliver, forget } from './deliver.ts'
import { installList } from './make-repository.ts'

/**
 * Installs what an `os-packages` piece is for: a tar with a small apt repository that, since its closure was worked out against
 * the VM image, has everything that is needed. apt is shown this repository alone; what the node has in the same or a newer
 * version stays, nothing is removed, and no service is started: nothing shall run before it is configured. An installation that
 * was killed is brought to its end first. A tar of packages that is no repository is installed by dpkg, all of it.
 * Nothing leaves the node.
 */
export async function installPackages(ctx: TaskContext, pieceName: string): Promise<void> {
  const { $ } = ctx
  if ((await $`command -v dpkg`.nothrow()).exitCode !== 0) {
    throw refused(
      `${ctx.node.name} has no dpkg, and ${pieceName} in this bundle holds Debian packages; kedge installs no RPM packages`,
      'use a Debian or Ubuntu image',
    )
  }
  const asset = ctx.asset(pieceName)
  const tar = await deliver(ctx, asset)
  const folder = `/var/lib/kedge/packages/${pieceName}`
  await $`rm -rf ${folder} && mkdir -p ${folder} && tar -xf ${tar} -C ${folder}
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C
if [ ! -e ${policy} ] || grep -q kedge ${policy}; then
  trap 'trap "" HUP INT TERM; rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\\n# kedge: what is installed now is started when it has been configured\\nexit 101\\n' > ${policy}; chmod 755 ${policy}
fi
# An existing machine may be in the middle of its own updates: wait for the lock rather than fail.
unlocked() {
  until "$@" 2> ${folder}/errors; do
    cat ${folder}/errors >&2
    grep -q 'lock was locked by another process' ${folder}/errors || return 1
    sleep 5
  done
  cat ${folder}/errors >&2
}
if [ -e ${folder}/${installList} ] && command -v apt-get > /dev/null; then
  cd ${folder}
  mkdir -p apt/lists/partial apt/archives/partial apt/none
  # The sum of the piece vouches for the repository.
  echo "deb [trusted=yes] file:${folder} ./" > apt/sources.list
  own() { apt-get --quiet --yes -o DPkg::Lock::Timeout=-1 ${aptOptions(`${folder}/apt`)} "$@"; }
  own update
  # apt fetches what a kill left half unpacked, and then leaves it as it is.
  for name in $(dpkg-query -W -f ${flagFormat} | sed -n 's/ reinstreq$//p'); do
    for file in "$name"_*.deb; do
      [ ! -e "$file" ] || unlocked dpkg --refuse-downgrade --unpack "$file"
    done
  done
  # What this cannot finish for want of a package, apt can.
  unlocked dpkg --force-confold --configure --pending || true
  own --fix-broken --no-remove --no-upgrade --no-install-recommends install $(cat ${installList})
else
  unlocked dpkg --refuse-downgrade --skip-same-version --force-confold --install ${folder}/*.deb
  # It passes over what a kill left unpacked.
  unlocked dpkg --force-confold --configure --pending
fi
cd / && rm -rf ${folder}`
  await forget(ctx, [tar])
}

/** Neither sources nor pins of the node's own have a say; its lists of packages stay as they are. */
const aptOptions = (folder: string): readonly string[] =>
  Object.entries({
    'Dir::Etc::sourcelist': `${folder}/sources.list`,
    'Dir::Etc::sourceparts': `${folder}/none`,
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': `${folder}/none`,
    'Dir::State::lists': `${folder}/lists`,
    'Dir::Cache': folder,
    'Dir::Cache::archives': `${folder}/archives`,
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Check-Date': 'false',
    'Acquire::Languages': 'none',
    'Dpkg::Use-Pty': '0',
    'Dpkg::Options::': '--force-confold',
  }).flatMap(([name, value]) => ['-o', `${name}=${value}`])

/** Debian's switch by which an installation starts no service. */
const policy = '/usr/sbin/policy-rc.d'

/** dpkg's own placeholders, a line for each package. */
const formatOf = (...fields: readonly string[]) => `${fields.map((field) => `\${${field}}`).join(' ')}\n`
const statusFormat = formatOf('Package', 'db:Status-Status')
const flagFormat = formatOf('Package', 'db:Status-Eflag')

/** Those of the packages that dpkg does not call installed. */
export async function missingPackages(ctx: TaskContext, packages: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await ctx.$`dpkg-query -W -f ${statusFormat} ${packages} 2>/dev/null`.nothrow()
  const installed = new Set(
    stdout.split('\n').flatMap((line) => (line.endsWith(' installed') ? [line.split(' ')[0]] : [])),
  )
  return packages.filter((name) => !installed.has(name))
}
