import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { kedge } from '../faults/ssh-lab.ts'

setDefaultTimeout(300_000)

const example = join(import.meta.dir, '../../docs/examples/private-ca')
const folder = mkdtempSync(join(tmpdir(), 'kedge-private-ca-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('it stands between two built-in tasks: the plan of the later one', async () => {
  const golden = join(import.meta.dir, '../golden/docs/private-ca-plan.txt')
  const { stdout } = await runHere('/', [
    '-c',
    join(example, 'kedge.config.yaml'),
    '--state',
    join(folder, 'state'),
    'plan',
    '--offline',
    'install-runtime',
  ])
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, stdout)
  expect(stdout).toBe(readFileSync(golden, 'utf8'))
  const graph = await runHere('/', ['-c', join(example, 'kedge.config.yaml'), 'graph', '--json'])
  const { instances } = JSON.parse(graph.stdout) as { instances: { id: string; waitsFor: string[] }[] }
  const waitsOf = (id: string) => instances.find((instance) => instance.id === id)?.waitsFor
  expect(waitsOf('trust-private-ca@edge-1')).toEqual(['create-vms@edge-1'])
  expect(waitsOf('install-runtime@edge-1')).toEqual(['create-vms@edge-1', 'trust-private-ca@edge-1'])
})

/** This machine with a store of trust of its own, which is gone when the command ends. */
const withOwnStore = `
set -eu
cp -a /etc/ssl "$FOLDER/ssl"
mkdir "$FOLDER/local"
mount --bind "$FOLDER/ssl" /etc/ssl
mkdir -p /usr/local/share/ca-certificates
mount --bind "$FOLDER/local" /usr/local/share/ca-certificates
# None of the many that the package brings: it takes seconds to link them.
: > "$FOLDER/none"
mount --bind "$FOLDER/none" /etc/ca-certificates.conf
update-ca-certificates --fresh > /dev/null 2>&1
trusts() {
  for way in "-CAfile /etc/ssl/certs/ca-certificates.crt" "-CApath /etc/ssl/certs"; do
    openssl verify -no-CAfile -no-CApath -no-CAstore $way "$1" > /dev/null 2>&1 && echo yes || echo no
  done
}
cd "$FOLDER/lab"
echo "before: $(trusts tasks/private-ca.crt | xargs)"
for round in first second; do
  "$@" run all --json 2> "$FOLDER/said" | grep -oE '"(task-finished|task-failed|already-done)"' || cat "$FOLDER/said"
done
echo "after: $(trusts tasks/private-ca.crt | xargs)"
cp tasks/private-ca.crt "$FOLDER/old.crt"
cp "$FOLDER/new.crt" tasks/private-ca.crt
"$@" run all --json 2> "$FOLDER/said" | grep -oE '"(task-finished|task-failed|already-done)"' || cat "$FOLDER/said"
echo "new: $(trusts tasks/private-ca.crt | xargs), old: $(trusts "$FOLDER/old.crt" | xargs)"
rm /etc/ssl/certs/ca-certificates.crt
"$@" run all --json 2> "$FOLDER/said" | grep -oE '"(task-finished|task-failed|already-done)"' || cat "$FOLDER/said"
echo "repaired: $(trusts tasks/private-ca.crt | xargs)"
`

test('on Debian it is trusted after one run, the second changes nothing, and another certificate takes its place', () => {
  mkdirSync(join(folder, 'lab'))
  cpSync(join(example, 'tasks'), join(folder, 'lab/tasks'), { recursive: true })
  writeFileSync(
    join(folder, 'lab/kedge.config.yaml'),
    'version: 1\nlab: trust\nextends: none\ntasks:\n  trust-private-ca: { on: hypervisor }\n',
  )
  const made = Bun.spawnSync([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', '/CN=Another Root', '-keyout', join(folder, 'key'), '-out', join(folder, 'new.crt')],
  ])
  expect(made.exitCode).toBe(0)
  copyFileSync(join(folder, 'lab/tasks/private-ca.crt'), join(folder, 'old.crt'))
  const { stdout, stderr } = Bun.spawnSync(['unshare', '--mount', 'bash', '-c', withOwnStore, 'bash', ...kedge], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder, FOLDER: folder },
  })
  expect(`${stdout}${stderr}`).toBe(`before: no no
"task-finished"
"already-done"
after: yes yes
"task-finished"
new: yes yes, old: no no
"task-finished"
repaired: yes yes
`)
})
