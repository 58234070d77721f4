import { afterAll, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { labFolder, runs } from './complete/lab-folder.ts'

const folder = labFolder()
afterAll(() => rmSync(folder, { recursive: true }))

describe('what is misspelt is answered with the nearest, exit 2', () => {
  test.each([
    ['a command', 'rnu all', 'run'],
    ['a command of a family', 'bundle shwo', 'show'],
    ['a command that is explained', 'help statsu', 'status'],
    ['a task', 'run joinedge', 'join-edge'],
    ['an own task', 'run trust-cs', 'trust-ca'],
    ['a task to skip', 'run all --skip verfy', 'verify'],
    ['a task of a plan', 'plan --offline instal-runtime', 'install-runtime'],
    ['a task that is drawn', 'graph joined-edge', 'join-edge'],
    ['a task that is explained', 'help disableswap', 'disable-swap'],
    ['a task of logs', 'logs join-egde', 'join-edge'],
    ['an instance of logs', 'logs join-edge@egde-1', 'join-edge@edge-1'],
    ['a task for a command', 'get-tokn', 'kedge run get-token'],
    ['a node to run on', 'run all --on mastre', 'master'],
    ['a node of a plan', 'plan --offline --on edge1', 'edge-1'],
    ['a node to log in', 'ssh wroker', 'worker'],
    ['a node that does not join', 'why egde-2', 'edge-2'],
    ['a node to verify', 'verify --on edge_2', 'edge-2'],
    ['a node that is examined', 'doctor --on maste', 'master'],
    ['an option', 'run all --keep-gong', '--keep-going'],
    ['an option for every command', 'tasks --confg x', '--config'],
    ['a format', 'report --format markdwn', 'markdown'],
    ['a format of a graph', 'graph --format mermiad', 'mermaid'],
    ['a format of a proof', 'verify --format juint', 'junit'],
    ['a colour', '--color alwys tasks', 'always'],
    ['a schema', 'schema bundel', 'bundle'],
    ['a shell', 'completion fsih', 'fish'],
    ['a run', `report --run ${runs[1]?.replace('bbbb', 'bbba')}`, runs[1]],
    ['a run to compare with', `report --against ${runs[0]?.replace('aaaa', 'aaab')}`, runs[0]],
    ['a run of logs', 'logs --run 20261121-101500-aab', '20261121-101500-aaaa'],
  ])('%s: %s', async (_, line, expected) => {
    const { exitCode, stderr } = await runHere(folder, line.split(' '))
    expect({ stderr, exitCode }).toMatchObject({ exitCode: 2 })
    expect(stderr).toMatch(/did you mean/i)
    expect(stderr.slice(stderr.search(/did you mean/i))).toStartWith(
      `${stderr.match(/did you mean/i)?.[0]} ${expected}?`,
    )
  })

  test('what is like nothing is answered without a guess', async () => {
    const { stderr } = await runHere(folder, ['run', 'xyzzy'])
    expect(stderr).toBe('kedge: there is no task xyzzy\n')
  })
})

test.each([
  ['hypervisor: { acelerator: kvm }', 'accelerator'],
  ['kubeege: { version: 1.23.1 }', 'kubeedge'],
  ['tasks: { verify: { timout: 5m } }', 'timeout'],
  ['kubeedge: { mqtt: bundel }', 'bundle'],
  ['tasks: { mine: { on: egde, sh: true } }', 'edge'],
])('a misspelt key or word of the file, exit 3: %s', async (line, expected) => {
  writeFileSync(join(folder, 'misspelt.yaml'), `version: 1\nlab: a\nnodes: { edge-1: { role: edge } }\n${line}\n`)
  const { exitCode, stderr } = await runHere(folder, ['-c', 'misspelt.yaml', 'tasks'])
  expect(exitCode).toBe(3)
  expect(stderr).toContain(`did you mean \`${expected}\`?`)
})
