import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kedge-graph-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const graph = (words: readonly string[], env: Record<string, string> = {}, columns?: number) =>
  runHere(folder, ['graph', ...words], { env, ...(columns ? { columns } : {}) })

describe('kedge graph', () => {
  test('draws the tasks that are named, with what they need, and leaves nothing behind', async () => {
    const { exitCode, stdout } = await graph(['init-cluster'], { LANG: 'C.UTF-8' })
    expect(exitCode).toBe(0)
    expect(stdout).toBe(`1  ●        create-networks     hypervisor
2  ●        create-vms          master
3  ├─●      disable-swap        master
   ├─│─●    open-ports          master
   ● │ │    install-runtime     master
4  ├─│─│─●  set-cgroup-driver   master
   ● │ │ │  install-kubernetes  master
5  │ │ │ ●  load-images         master
6  ●─┴─┴─╯  init-cluster        master
`)
    expect(readdirSync(folder)).toEqual([])
  })

  test('in ASCII where the locale has no more, and without colour in a pipe', async () => {
    expect((await graph([], { LANG: 'C' })).stdout).toMatch(/^[\n -~]+$/)
    expect((await graph([], { LANG: 'C.UTF-8' })).stdout).not.toContain('\u001b')
    expect((await graph([], { LANG: 'C.UTF-8' }, 80)).stdout).toContain('\u001b[1m')
    expect((await graph([], { LANG: 'C.UTF-8', NO_COLOR: '1' }, 80)).stdout).not.toContain('\u001b')
    expect((await graph(['--color', 'always'], { LANG: 'C.UTF-8' })).stdout).toContain('\u001b[1m')
  })

  test('JSON has the tasks and the instances, with every need', async () => {
    const { tasks, instances, lab } = JSON.parse((await graph(['--json'])).stdout)
    expect(lab).toBe('paper')
    expect(tasks.find(({ task }: { task: string }) => task === 'join-worker')).toEqual({
      task: 'join-worker',
      phase: 'installation',
      on: ['worker'],
      waitsFor: ['disable-swap', 'install-kubernetes', 'load-kubeedge-images', 'open-ports', 'install-network'],
    })
    expect(instances.length).toBe(44)
    expect(JSON.parse((await graph(['--format', 'json', 'create-vms'])).stdout).instances.length).toBe(5)
  })

  test('mermaid and dot draw tasks, or with --nodes instances', async () => {
    expect((await graph(['--format', 'mermaid', 'create-vms'])).stdout).toBe(
      'flowchart LR\n  n0["create-networks<br/>hypervisor"]\n  n1["create-vms<br/>edge-1, edge-2, master, worker"]\n  n0 --> n1\n',
    )
    const { stdout } = await graph(['--format', 'dot', '--nodes', 'create-vms'])
    expect(stdout).toContain('[label="create-vms@edge-2"]')
    expect(stdout.match(/->/g)?.length).toBe(4)
  })

  test('what cannot be drawn is a matter of usage, and says what can', async () => {
    expect(await graph(['--nodes'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--format dot') })
    expect(await graph(['join-egde'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('join-edge') })
    expect(await graph(['--format', 'svg'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('mermaid') })
  })
})
