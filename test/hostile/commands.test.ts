import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Answer, Rule, ScriptedFile } from '../../lib/host/scripted.ts'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import type { Task } from '../../lib/task/task.ts'
import { tasks } from '../../tasks/index.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { fakeLibvirt } from '../machine/fake-libvirt.ts'
import { sceneOn } from '../tasks/context.ts'
import { labPieces } from '../tasks/lab-bundle.ts'
import { hostileLabNames, hostilePath, hostileUri, labOf } from './accepted-lab.ts'
import { canary } from './hostile-names.ts'

/** How machines answer: a command that is asked for JSON gets some, so that tasks come further than to their first question. */
const moods = {
  'says nothing': (): Answer => '',
  refuses: (): Answer => ({ stderr: 'no\n', exitCode: 1 }),
  'has an empty cluster': (command: string): Answer =>
    / get .*-o json/.test(command) ? '{"items":[]}' : /is-active|is-enabled/.test(command) ? 'active\n' : '',
}

/** Every script that any task gives to bash on any node of the lab, checked, run and taken back. */
async function scriptsOf(distribution: 'kubeadm' | 'k3s', mood: keyof typeof moods): Promise<ReadonlySet<string>> {
  const scripts = new Set<string>()
  const topology = labOf(hostileLabNames, distribution)
  const bundle = makeBundle([
    ...labPieces,
    { name: 'base', kind: 'vm-image' },
    { name: 'k3s' },
    { name: 'docker.io/library/eclipse-mosquitto:1.6.15', kind: 'image', roles: ['edge'] },
  ])
  const answer = moods[mood]
  for (const { task: taskName, node: name } of buildPlan(topology).instances) {
    const task = tasks[taskName] as Task
    const keep: Rule = [
      /^/,
      ({ command, script }) => {
        scripts.add(script)
        return answer(command)
      },
    ]
    const libvirt = fakeLibvirt()
    const rules = Object.fromEntries(topology.nodes.map((node) => [node.name, [keep]]))
    const kept = libvirt.rules.map(
      ([pattern, played]): Rule => [
        pattern,
        (given) => {
          scripts.add(given.script)
          return mood === 'refuses' || typeof played !== 'function' ? answer(given.command) : played(given)
        },
      ],
    )
    const scene = sceneOn(name, { topology, bundle, rules: { ...rules, hypervisor: kept } })
    libvirt.files = scene.host('hypervisor').files as Map<string, ScriptedFile>
    // How far each comes is not asked here.
    await task.check(scene.ctx).catch(() => {})
    await task.run(scene.ctx).catch(() => {})
    await task.undo?.(scene.ctx).catch(() => {})
  }
  return scripts
}

/** Prints the words of every program that a script would start, and starts none. */
const driver = `
exec 9>&1 >/dev/null
command_not_found_handle() { printf '%s\\0' "$@" >&9; printf '\\1\\0' >&9; }
PATH=/nonexistent
cd /ground
for script in /scripts/*; do
  text=$(<"$script")
  ( ulimit -t 2; eval "$text" ) <&- 2>/dev/null
done
[ ! -e /ground/${canary} ] || printf '%s\\0\\1\\0' "made the canary" >&9
`

let root: string
let scripts: readonly string[]
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kedge-commands-'))
  const given = [
    await scriptsOf('kubeadm', 'says nothing'),
    await scriptsOf('kubeadm', 'refuses'),
    await scriptsOf('kubeadm', 'has an empty cluster'),
    await scriptsOf('k3s', 'has an empty cluster'),
  ]
  scripts = [...new Set(given.flatMap((some) => [...some]))]
  for (const folder of ['scripts', 'ground', 'etc', 'tmp', 'dev', 'var/lib/kedge'])
    mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(join(root, 'dev/null'), '')
  writeFileSync(join(root, 'driver'), driver)
  for (const [index, script] of scripts.entries())
    writeFileSync(join(root, 'scripts', String(index).padStart(6, '0')), script)
}, 300_000)
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A root folder in which there is nothing but bash. */
function putBash(): void {
  const bash = Bun.which('bash') ?? '/bin/bash'
  const libraries = Bun.spawnSync(['ldd', bash]).stdout.toString().match(/\/\S+/g) ?? []
  for (const file of libraries) {
    mkdirSync(join(root, dirname(file)), { recursive: true })
    copyFileSync(file, join(root, file))
  }
  copyFileSync(bash, join(root, 'bash'))
}

const canUnshare = Bun.spawnSync(['unshare', '--mount', '--pid', '--net', '--fork', 'true']).success

describe('what tasks give to bash, in a lab of the most hostile names that are let through', () => {
  test('is much, and holds what the file holds', () => {
    expect(scripts.length).toBeGreaterThan(150)
    expect(scripts.filter((script) => script.includes(canary)).length).toBeGreaterThan(20)
  })

  test('is sound for bash', () => {
    const checked = Bun.spawnSync(
      ['bash', '-c', 'for script in scripts/*; do bash -n "$script" || echo "$script"; done'],
      { cwd: root },
    )
    expect(checked.stdout.toString() + checked.stderr.toString()).toBe('')
  }, 120_000)

  test.skipIf(!canUnshare)(
    'starts the same programs as ever, with the hostile texts whole in their words',
    () => {
      putBash()
      const words = ['unshare', '--mount', '--pid', '--net', '--fork', 'chroot', root, '/bash', '/driver']
      const { stdout, exitCode } = Bun.spawnSync(words, {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        timeout: 240_000,
      })
      expect(exitCode).toBe(0)
      const calls = stdout
        .toString()
        .split('\0\u0001\0')
        .map((call) => call.split('\0'))
      expect(calls.length).toBeGreaterThan(150)
      expect(calls.filter(([program]) => program === 'touch' || program?.includes(canary))).toEqual([])
      const hostile = calls.flat().filter((word) => word.includes(canary))
      expect(hostile.length).toBeGreaterThan(20)
      expect(hostile.filter((word) => !word.includes(hostilePath) && !word.includes(hostileUri))).toEqual([])
    },
    300_000,
  )
})
