import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeRepository } from '../../lib/bundle/make-repository.ts'
import { installPackages } from '../../lib/bundle/os-packages.ts'
import { localConnection } from '../../lib/host/local.ts'
import { sceneOn } from '../tasks/context.ts'
import { noPieces } from '../tasks/lab-bundle.ts'
import { type Deb, makeDebs, run, statusOf } from './make-archive.ts'
import { temporaryFolder } from './make-bundle.ts'

// The real apt and dpkg, in a root of their own that has no network: this machine's programs under an overlay, with a dpkg
// that knows of five small packages only. All of it lives in namespaces that end with their first process.

const has: readonly Deb[] = [
  { name: 'dpkg', version: '1.21' },
  { name: 'libc6', version: '2.36-9' },
  { name: 'libnewer', version: '9.0' },
  { name: 'ethtool', version: '6.1' },
]
const agent: Deb = {
  name: 'agent',
  version: '2.0',
  fields: ['Depends: libnewer (>= 1), libneeded, libc6 (>= 2)'],
  files: { 'etc/agent.conf': 'as packaged\n', 'usr/share/agent': '2.0\n' },
  control: {
    conffiles: '/etc/agent.conf\n',
    postinst:
      '#!/bin/sh\n[ ! -e /slow ] || { rm /slow; kill -9 $(cat /apt.pid) $PPID; }\nif [ -x /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d agent start; echo $? >> /policy; else echo none >> /policy; fi\n',
  },
}
const offered: readonly Deb[] = [
  agent,
  { name: 'libneeded', version: '1.0' },
  { name: 'libnewer', version: '3.0' },
  { name: 'ethtool', version: '7.0' },
  { name: 'bystander', version: '1.0' },
]

setDefaultTimeout(300_000)

let script: string
let piece: string
let bare: string
beforeAll(async () => {
  const connection = localConnection()
  const { $ } = connection.bind({ signal: new AbortController().signal, onOutput: () => {} })
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'debs'))
  await makeDebs(offered, join(folder, 'debs'))
  const files = offered.map(({ name, version }) => `${name}_${version}_amd64.deb`)
  piece = join(folder, 'piece.tar')
  await makeRepository(files, ['agent', 'ethtool'], { folder, tar: piece, $ })
  await connection.close()
  bare = join(folder, 'bare.tar')
  await run([
    'tar',
    '-cf',
    bare,
    '-C',
    join(folder, 'debs'),
    ...files.filter((name) => /^(agent|libneeded)/.test(name)),
  ])
  const installs = /^rm -rf .*dpkg /s
  const { ctx, steps } = sceneOn('edge-1', {
    rules: { 'edge-1': [['command -v dpkg', ''], noPieces, [installs, ''], [/^rm -f/, '']] },
  })
  await installPackages(ctx, 'containerd')
  script = steps.find((step) => installs.test(step.slice('edge-1$ '.length)))?.slice('edge-1$ '.length) ?? ''
  // Between two looks at the lock.
  script = script.replace('sleep 5', 'sleep 0.05')
})

/** Runs `steps` in the root, in which `install` is the node's command; returns what they print. */
async function inRoot(steps: string, tar = piece): Promise<string> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'status'), `${statusOf(has)}\n`)
  writeFileSync(
    join(folder, 'install'),
    `set -euo pipefail\n${script.replace(/tar -xf \S+ -C/, 'tar -xf /piece.tar -C')}`,
  )
  writeFileSync(join(folder, 'steps'), `install() { bash /install > /said 2>&1; }\n${steps}\n`)
  writeFileSync(
    join(folder, 'outside'),
    `set -eu
mount -t tmpfs root ${folder}/mnt && cd ${folder}/mnt && mkdir changes work root
mount -t overlay -o lowerdir=/,upperdir=changes,workdir=work root root && cd root
mount -t tmpfs dpkg var/lib/dpkg && mount -t tmpfs apt var/lib/apt && mount -t tmpfs cache var/cache && mount -t tmpfs settings etc/apt
ip link set lo up 2> /dev/null || true
mount -t tmpfs log var/log && mount -t proc proc proc
mkdir -p var/lib/dpkg/info var/lib/dpkg/updates var/lib/dpkg/triggers var/lib/apt/lists var/log/apt etc/apt/sources.list.d var/cache/apt
rm -rf etc/dpkg/dpkg.cfg.d/* var/lib/kedge usr/sbin/policy-rc.d
for list in etc/apt/sources.list etc/apt/sources.list.d/any.list; do echo 'deb http://127.0.0.1:1/debian bookworm main' > $list; done
for file in ${has.map(({ name }) => name).join(' ')}; do touch var/lib/dpkg/info/$file.list; done
cp ${folder}/status var/lib/dpkg/status && touch var/lib/dpkg/available && cp ${folder}/install ${folder}/steps . && cp ${tar} piece.tar
exec chroot . bash /steps`,
  )
  mkdirSync(join(folder, 'mnt'))
  const words = ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child', 'bash', join(folder, 'outside')]
  return (await run(words)).trim()
}

const report = `dpkg-query -W -f '\${Package} \${Version} \${db:Status-Status}\\n'`
const wholeReport = [
  'agent 2.0 installed',
  'dpkg 1.21 installed',
  'ethtool 6.1 installed',
  'libc6 2.36-9 installed',
  'libneeded 1.0 installed',
  'libnewer 9.0 installed',
]

describe.skipIf(process.getuid?.() !== 0 || !Bun.which('unshare'))('on a node without network', () => {
  test('what is missing is installed, twice; nothing newer is taken back, nothing else comes, nothing starts or stays', async () => {
    const found = await inRoot(`install || cat /said; ${report}; cat /policy
rm -f /policy; install || cat /said; ${report} | sha256sum | head -c 0; ls /policy /usr/sbin/policy-rc.d /var/lib/kedge/packages /var/lib/apt/lists 2>/dev/null
apt-mark showauto`)
    const [versions, rest] = [found.split('\n').slice(0, 6), found.split('\n').slice(6)]
    expect(versions).toEqual(wholeReport)
    expect(rest).toEqual(['101', '/var/lib/apt/lists:', '', '/var/lib/kedge/packages:', 'libneeded'])
  })

  test.each([
    ['with apt', () => piece],
    ['by dpkg', () => bare],
  ])('an installation %s that was killed is brought to its end', async (_, tar) => {
    const steps = `touch /slow
bash -c 'echo $$ > /apt.pid; exec bash /install' > /said 2>&1 || echo killed
while pgrep -x 'dpkg|apt-get' > /dev/null; do sleep 0.05; done
${report} agent; install || cat /said; ${report}`
    expect((await inRoot(steps, tar())).split('\n')).toEqual([
      'killed',
      expect.stringMatching(/^agent 2\.0 (half-configured|unpacked)$/),
      ...wholeReport,
    ])
  })

  test('a package that a kill left half unpacked is unpacked anew', async () => {
    const found =
      await inRoot(`install && sed -i '/^Package: libneeded$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' /var/lib/dpkg/status
${report} libneeded; install || cat /said; ${report}`)
    expect(found.split('\n')).toEqual(['libneeded 1.0 half-installed', ...wholeReport])
  })

  test('settings that were changed stay', async () => {
    const found = await inRoot(`install; echo mine > /etc/agent.conf
sed -i 's|^ /etc/agent.conf .*| /etc/agent.conf 00000000000000000000000000000000|' /var/lib/dpkg/status
sed -i '/^Package: agent$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' /var/lib/dpkg/status
install || cat /said; cat /etc/agent.conf; ${report} agent`)
    expect(found.split('\n')).toEqual(['mine', 'agent 2.0 installed'])
  })

  test("it waits while the node's own updates hold the lock", async () => {
    const hold = `python3 -c "
import fcntl, os, time
locks = [open('/var/lib/dpkg/' + name, 'w') for name in ('lock-frontend', 'lock')]
for lock in locks: fcntl.lockf(lock, fcntl.LOCK_EX)
open('/held', 'w').close()
while not os.path.exists('/release'): time.sleep(0.05)
print(open('/said').read().count('agent'), flush=True)
" & until [ -e /held ]; do sleep 0.05; done`
    const found = await inRoot(`${hold}
install & waiting=$!
until grep -qi 'lock' /said; do sleep 0.05; done; touch /release
wait $waiting || cat /said; ${report} agent`)
    expect(found.split('\n')).toEqual(['0', 'agent 2.0 installed'])
  })

  test('nothing is removed for it', async () => {
    const rival = `sed -i 's/^Package: ethtool$/Package: rival\\nConflicts: agent/' /var/lib/dpkg/status; mv /var/lib/dpkg/info/ethtool.list /var/lib/dpkg/info/rival.list`
    const found = await inRoot(`${rival}; install || echo refused; grep -o 'remove is disabled' /said; ${report} rival`)
    expect(found.split('\n')).toEqual(['refused', 'remove is disabled', 'rival 6.1 installed'])
  })

  test('a tar that is no repository is installed by dpkg', async () => {
    const found = await inRoot(`install || cat /said; ${report} agent libneeded libnewer`, bare)
    expect(found.split('\n')).toEqual(['agent 2.0 installed', 'libneeded 1.0 installed', 'libnewer 9.0 installed'])
  })
})
