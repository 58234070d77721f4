import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { loadLab } from '../tasks/context.ts'
import { labBundle } from '../tasks/lab-bundle.ts'
import { temporaryFolder } from '../temporary-folders.ts'
import { noteOfWork } from './deployment/nodes-work.ts'
import { makePieces } from './deployment/pieces.ts'

const folder = temporaryFolder()

const textOf = (name: string) => readFileSync(new URL(`deployment/${name}`, import.meta.url), 'utf8')
const bash = (...words: string[]) => Bun.spawnSync(['bash', ...words], { cwd: folder })

test('each node gets what its role needs, with words that bash reads as they were meant', () => {
  makePieces(loadLab(), labBundle(), folder)
  const words = (node: string, name: string) =>
    bash('-c', `. ${folder}/${node}/node.env; eval "printf '%s\\n' $${name}"`).stdout.toString().split('\n')
  expect(words('master', 'keadm_init')).toContain(
    '--advertise-address=192.168.23.10,192.168.24.1,192.168.24.9,203.0.113.10',
  )
  expect(words('master', 'keadm_init').find((word) => word.startsWith('--set='))).toContain('kubernetes\\.io/hostname=')
  expect(words('edge-1', 'keadm_join')).toContain('--cloudcore-ipport=192.168.24.1:10000')
  expect(JSON.parse(readFileSync(join(folder, 'master/etc/edge-guard.json'), 'utf8'))).toMatchObject({
    spec: { template: { spec: { affinity: { nodeAffinity: {} } } } },
  })
  const files = (node: string) => bash('-c', `cd ${node} && find . -type l -exec test -s {} \\; -print | sort`)
  expect(files('worker').stdout.toString()).toContain('./bin/kubelet\n')
  expect(files('edge-1').stdout.toString()).toBe(
    './bin/keadm\n./images/0.tar\n./images/1.tar\n./packages/containerd.tar\n',
  )
})

test('the script and the playbook take the same steps, and steps.sh has them all', () => {
  for (const name of ['steps.sh', 'sequential.sh']) {
    const checked = bash('-n', new URL(`deployment/${name}`, import.meta.url).pathname)
    expect(checked.stderr.toString()).toBe('')
  }
  const playbook = textOf('playbook.yaml')
  expect(parse(playbook)).toBeArray()
  const inPlaybook = new Set([...playbook.matchAll(/steps\.sh ([\w-]+)/g)].map(([, step]) => step))
  const script = textOf('sequential.sh')
  const inScript = [...inPlaybook].filter((step) => new RegExp(`\\b${step}\\b`).test(script))
  const known = [...textOf('steps.sh').matchAll(/^([a-z-]+)\(\)/gm)].map(([, step]) => step)
  expect(inPlaybook.size).toBeGreaterThan(15)
  expect(inScript).toEqual([...inPlaybook])
  for (const step of inPlaybook) expect(known).toContain(step)
})

test('the note says how busy the cores were, and what no order of the steps can beat', () => {
  const turns = (...pairs: [number, number | undefined][]) =>
    pairs.map(([seconds, cpuSeconds]) => ({ seconds, cpuSeconds }))
  const kedge = ['kedge', turns([40, 60], [50, 64], [45, 62])] as const
  const script = ['script', turns([90, 63])] as const
  expect(noteOfWork([kedge, script, ['ansible', []]], 2)).toBe(
    "all nodes share this machine's 2 cores: kedge 62.0 s of CPU in 45.0 s, 1.4 of 2 cores busy; script 63.0 s of CPU in 90.0 s, 0.7 of 2 cores busy; with all cores busy kedge's work alone takes 31.0 s, so no order of its steps is more than 2.9 times faster than script",
  )
  expect(noteOfWork([['kedge', turns([40, undefined])]], 2)).toBe('')
})
