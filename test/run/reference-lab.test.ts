import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { buildPlan } from '../../lib/plan/build-plan.ts'
import { execute } from '../../lib/run/execute.ts'
import { doneIf, type Task } from '../../lib/task/task.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { tasks as builtIn } from '../../tasks/index.ts'
import { fakeWorld, recording } from './fake-world.ts'

const root = join(import.meta.dir, '../..')
const base = await Bun.file(join(root, 'kedge.config.yaml')).text()
const known = { tasks: new Set(Object.keys(builtIn)), base }

/**
 * What each step truly depends on, written down a second time and apart from the wiring: `here` must be done on the same
 * node, `master` on the control plane, `hypervisor` there. A `needs` that is missing in the YAML shows up as a step that
 * ran too early under some seed.
 */
const requires: Readonly<Record<string, { here?: string[]; master?: string[]; hypervisor?: string[] }>> = {
  'create-networks': {},
  'create-vms': { hypervisor: ['create-networks'] },
  'disable-swap': { here: ['create-vms'] },
  'open-ports': { here: ['create-vms'] },
  'install-runtime': { here: ['create-vms'] },
  'set-cgroup-driver': { here: ['install-runtime'] },
  'load-images': { here: ['set-cgroup-driver'] },
  'load-kubeedge-images': { here: ['set-cgroup-driver'] },
  'install-kubernetes': { here: ['install-runtime'] },
  'init-cluster': { here: ['disable-swap', 'install-kubernetes', 'load-images', 'open-ports'] },
  'install-network': { here: ['init-cluster', 'load-images'] },
  'join-worker': {
    here: ['disable-swap', 'install-kubernetes', 'load-images', 'load-kubeedge-images'],
    master: ['init-cluster', 'open-ports', 'install-network'],
  },
  'install-cloudcore': { here: ['create-vms'] },
  'init-cloudcore': {
    here: ['install-cloudcore', 'init-cluster', 'install-network', 'load-images', 'load-kubeedge-images', 'open-ports'],
  },
  'get-token': { here: ['init-cloudcore'] },
  'install-edgecore': { here: ['install-runtime'] },
  'send-token': { here: ['create-vms'], master: ['get-token'] },
  'join-edge': {
    here: [
      'disable-swap',
      'set-cgroup-driver',
      'load-images',
      'load-kubeedge-images',
      'install-edgecore',
      'send-token',
    ],
    master: ['open-ports', 'install-network', 'init-cloudcore'],
  },
  verify: { master: ['init-cloudcore', 'install-network'] },
}

function model(seed: number) {
  const random = seededRandom(seed)
  const isDone = new Set<string>()
  const early: string[] = []
  const task = (name: string): Task => ({
    description: name,
    check: async ({ node }) => doneIf(isDone.has(`${name}@${node.name}`), 'to do'),
    async run({ node, sleep }) {
      const { here = [], master = [], hypervisor = [] } = requires[name] ?? {}
      const wanted = [
        ...here.map((need) => `${need}@${node.name}`),
        ...master.map((need) => `${need}@master`),
        ...hypervisor.map((need) => `${need}@hypervisor`),
      ]
      for (const need of wanted) if (!isDone.has(need)) early.push(`${name}@${node.name} ran before ${need}`)
      await sleep(1 + random() * 30)
      isDone.add(`${name}@${node.name}`)
    },
  })
  return { task, early }
}

async function runWith(config: string, seeds: number): Promise<string[]> {
  const loaded = loadTopology(config, 'kedge.config.yaml', known)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const plan = buildPlan(loaded.topology)
  const early = new Set<string>()
  for (let seed = 0; seed < seeds; seed++) {
    const lab = model(seed)
    const outcome = await execute(
      plan,
      fakeWorld(lab.task, seed),
      recording().emit,
      { jobs: 20 },
      new AbortController().signal,
    )
    expect(outcome.result).toBe('ok')
    for (const line of lab.early) early.add(line)
  }
  return [...early]
}

test('every built-in task is in the model', () => {
  expect(Object.keys(requires).sort()).toEqual(Object.keys(builtIn).sort())
})

test('the embedded wiring orders the whole plan rightly with 100 seeds', async () => {
  expect(await runWith(base, 100)).toEqual([])
})

test('a need taken out of the wiring is noticed', async () => {
  const without = base.replace('needs: [install-cloudcore, install-network, ', 'needs: [install-cloudcore, ')
  expect(without).not.toBe(base)
  expect(await runWith(without, 100)).toContain('init-cloudcore@master ran before init-cluster@master')
})
