import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runHere } from '../../build/run-here.ts'
import { ownTaskFiles } from '../../lib/task/own-tasks.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { tasks as builtIn } from '../../tasks/index.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { loadHere } from '../own-task/load-here.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { base } from '../topology/known.ts'

const root = join(import.meta.dir, '../..')
const examples = join(root, 'docs/examples')
const names = readdirSync(examples).sort()
const fileOf = (name: string) => join(examples, name, 'kedge.config.yaml')

function topologyOf(name: string): Topology {
  const tasks = new Set([...Object.keys(builtIn), ...ownTaskFiles(join(examples, name)).keys()])
  const loaded = loadTopology(readFileSync(fileOf(name), 'utf8'), fileOf(name), { tasks, base })
  if (!loaded.ok) throw new Error(loaded.problems.map(({ line, message }) => `${line}: ${message}`).join('\n'))
  return loaded.topology
}

test('there are five', () => {
  expect(names).toEqual(['camera-and-water-level', 'k3s-one-edge', 'private-ca', 'raspberry-pi-bench', 'reference-lab'])
})

describe.each(names)('%s', (name) => {
  test.each(['plan --offline', 'tasks', 'graph'])('kedge %s says no ill of it', async (words) => {
    const said = await runHere(temporaryFolder(), ['-c', fileOf(name), ...words.split(' ')])
    expect(said).toEqual({ exitCode: 0, stdout: expect.stringContaining('join-edge'), stderr: '' })
    expect(existsSync(join(examples, name, '.kedge'))).toBe(false)
  })

  test('its own tasks load, and say in one line what they do', async () => {
    for (const file of ownTaskFiles(join(examples, name)).values())
      expect((await loadHere(file)).description).toMatch(/^[A-Z][^\n]+$/)
  })

  test('its README names what it is, the command that builds it, and what one needs', () => {
    const text = readFileSync(join(examples, name, 'README.md'), 'utf8')
    expect(text).toMatch(/^# /)
    expect(text).toContain('    kedge run all\n')
    expect(text).toContain('**What it needs:**')
  })
})

test("the reference lab is the one that kedge carries, but for the bundle's name", () => {
  const { networks, nodes, kubernetes, kubeedge, hypervisor } = topologyOf('reference-lab')
  const embedded = loadTopology(base, 'embedded', { tasks: new Set(Object.keys(builtIn)), base })
  if (!embedded.ok) throw new Error('the embedded lab does not load')
  expect({ networks, nodes, kubernetes, kubeedge, hypervisor }).toEqual({
    networks: embedded.topology.networks,
    nodes: embedded.topology.nodes,
    kubernetes: embedded.topology.kubernetes,
    kubeedge: embedded.topology.kubeedge,
    hypervisor: embedded.topology.hypervisor,
  })
})

test('on the bench of Raspberry Pis no VM is made, and every node is arm64', () => {
  const { nodes, tasks } = topologyOf('raspberry-pi-bench')
  expect(nodes.map(({ machine }) => machine.kind)).toEqual(['existing', 'existing', 'existing'])
  expect(new Set(nodes.map(({ architecture }) => architecture))).toEqual(new Set(['arm64']))
  expect(tasks.find(({ name }) => name === 'create-networks')?.removed).toBe(true)
})

test('a Pi without the memory cgroup gets it for its next start, once, and asks for that', async () => {
  const task = await loadHere(join(examples, 'raspberry-pi-bench/tasks/enable-memory-cgroup.ts'))
  const file = '/boot/firmware/cmdline.txt'
  const look = 'grep -qw memory /sys/fs/cgroup/cgroup.controllers'
  const change = `sed -i.kedge '1 s/$/ cgroup_enable=memory/' ${file}`
  for (const [text, steps] of [
    ['console=tty1 rootwait\n', [`edge-1$ ${look}`, `edge-1$ ${change}`]],
    ['console=tty1 cgroup_enable=memory\n', [`edge-1$ ${look}`]],
  ] as const) {
    const scene = sceneOn('edge-1', {
      rules: {
        'edge-1': [
          [look, { exitCode: 1 }],
          [/^sed -i/, ''],
        ],
      },
      files: { 'edge-1': { [file]: text } },
    })
    expect(await task.check(scene.ctx)).toEqual({ done: false, why: 'the memory cgroup is off' })
    const failure = await failureOf(task.run(scene.ctx))
    expect(failure).toBe('refused: edge-1 has to be restarted for its memory cgroup')
    expect(scene.steps).toEqual([...steps])
  }
})

test('kedge tasks gives each task one line, also one that is a script of many', async () => {
  const folder = temporaryFolder()
  writeFileSync(
    join(folder, 'kedge.config.yaml'),
    'version: 1\nlab: a\nextends: none\ntasks:\n  b:\n    on: hypervisor\n    sh: |\n      echo 1\n      echo 2\n',
  )
  const { stdout } = await runHere(folder, ['tasks'])
  expect(stdout.trimEnd().split('\n')[1]).toMatch(/^b +hypervisor +- +echo 1 …$/)
  expect(stdout.trimEnd().split('\n').length).toBe(2)
})

describe('the devices and workloads of the field lab', () => {
  const lab = 'camera-and-water-level'
  const manifestOf = (name: string) => readFileSync(join(examples, lab, `tasks/${name}.yaml`), 'utf8')
  const objectsOf = (name: string) => Bun.YAML.parse(manifestOf(name)) as Manifest[]

  test('each device has a model, is on a node of the lab, and has no property that the model does not know', () => {
    const nodes = topologyOf(lab).nodes.map(({ name }) => name)
    const objects = objectsOf('devices')
    const models = new Map(
      objects.filter(({ kind }) => kind === 'DeviceModel').map((each) => [each.metadata.name, each]),
    )
    const devices = objects.filter(({ kind }) => kind === 'Device')
    expect(devices.length).toBe(2)
    for (const { spec } of devices) {
      const model = models.get(spec.deviceModelRef?.name ?? '')
      expect(nodes).toContain(spec.nodeName as string)
      expect(model?.spec.properties?.map(({ name }) => name)).toEqual(spec.properties?.map(({ name }) => name) ?? [])
      expect(spec.protocol).toMatchObject({ protocolName: model?.spec.protocol ?? 'none' })
    }
  })

  test('each workload asks for labels that an edge of the lab has', () => {
    const labels = topologyOf(lab).nodes.flatMap((node) => Object.entries(node.labels).map((pair) => pair.join('=')))
    const text = manifestOf('workloads')
    expect(labels).toEqual(expect.arrayContaining(['device=camera', 'device=water-level', 'site=waterworks']))
    expect(text).toContain('nodeSelector: { device: camera }')
    expect(text).toContain('key: device, operator: In, values: [water-level]')
    expect(text).toContain('key: site, operator: In, values: [waterworks]')
  })

  test.each(['devices', 'workloads'])('apply-%s: looks with diff, applies what is in the file', async (name) => {
    const inputs: string[] = []
    const keep = (answer: { exitCode: number; stderr?: string }) => (given: { input: string }) => {
      inputs.push(given.input)
      return answer
    }
    const answers = [{ exitCode: 1 }, { exitCode: 127, stderr: 'no kubectl\n' }, { exitCode: 0 }]
    const task = await loadHere(join(examples, lab, `tasks/apply-${name}.ts`))
    const verdicts = []
    for (const answer of answers) {
      const { ctx } = sceneOn('master', { rules: { master: [[/kubectl --kubeconfig=\S+ diff -f -/, keep(answer)]] } })
      verdicts.push(await task.check(ctx))
    }
    expect(verdicts).toEqual([
      { done: false, why: `the ${name} are not as in tasks/${name}.yaml` },
      { done: false, why: 'the cluster does not say: no kubectl' },
      { done: true },
    ])
    const { ctx, steps } = sceneOn('master', {
      rules: { master: [[/kubectl --kubeconfig=\S+ apply -f -/, keep({ exitCode: 0 })]] },
    })
    await task.run(ctx)
    expect(steps.length).toBe(1)
    expect(inputs).toEqual(Array(4).fill(manifestOf(name)))
  })
})

type Manifest = {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    /** A name in a model, an object in a device. */
    readonly protocol?: string | object
    readonly nodeName?: string
    readonly deviceModelRef?: { readonly name: string }
    readonly properties?: readonly { readonly name: string }[]
  }
}
