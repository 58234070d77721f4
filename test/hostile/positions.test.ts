import { describe, expect, test } from 'bun:test'
import { resolve } from 'node:path'
import { archiveNames } from '../../lib/bundle/apt-sources.ts'
import { bases } from '../../lib/bundle/sources.ts'
import { formatProblems } from '../../lib/topology/format-problem.ts'
import { loadTopology } from '../../lib/topology/load-topology.ts'
import { topologySchema } from '../../lib/topology/schema.ts'
import type { Problem } from '../../lib/topology/topology.ts'
import { hostileNames } from './hostile-names.ts'

const sourceNames = [...Object.keys(bases), ...archiveNames]

type Step = string
type Data = Record<string, unknown>

const ssh = { host: '10.0.0.7', user: 'pi', key: 'keys/pi' }

/** A sound file in which every place of the schema that takes a text is filled. */
const sample: Data = {
  version: 1,
  lab: 'paper',
  hypervisor: { uri: 'qemu:///system', accelerator: 'auto', storage: '/srv/kedge' },
  networks: { management: { cidr: '192.168.22.0/24', management: true }, cloud: { cidr: '192.168.23.0/24' } },
  machine: { image: 'base', cpus: 2, memory: '4GiB', disk: '20GiB' },
  nodes: {
    master: {
      role: 'control-plane',
      networks: { management: '192.168.22.10', cloud: '192.168.23.10' },
      image: 'base',
      memory: '4GiB',
      disk: '20GiB',
      architecture: 'amd64',
      runtime: 'containerd',
      labels: { device: 'camera' },
    },
    worker: { role: 'worker', networks: { management: '192.168.22.11', cloud: '192.168.23.11' } },
    pi: {
      role: 'edge',
      cloudcore: '203.0.113.10',
      ssh: { ...ssh, jump: { ...ssh, host: '10.0.0.8', jump: { ...ssh, host: '10.0.0.9' } } },
    },
  },
  runtime: { name: 'containerd' },
  kubernetes: { distribution: 'kubeadm', version: '1.32.10', podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' },
  kubeedge: { version: '1.23.1', mqtt: 'none', protocol: 'websocket' },
  bundle: './bundle',
  mirrors: {
    sources: Object.fromEntries(sourceNames.map((name) => [name, 'https://mirror.example/x'])),
    registries: { 'docker.io': 'mirror.example:5000/hub' },
    proxy: 'http://proxy.example:3128',
    ca: './ca.pem',
  },
  tasks: {
    first: { on: 'edge', phase: 'configuration', timeout: '10m', sh: 'true', check: 'false', env: { NAME: 'value' } },
    second: {
      on: ['edge'],
      needs: ['first', { task: 'first', on: 'edge' }, { task: 'first', on: ['edge'] }],
      script: './x.ts',
      before: [{ task: 'third', on: 'edge' }, { task: 'third', on: ['edge'] }, 'third'],
      inputs: '/srv/x/**/*.ts',
      outputs: '/srv/y',
    },
    third: { on: 'edge', sh: 'true' },
    built: { on: 'hypervisor', sh: 'true', inputs: ['a', 'b'], outputs: ['c', 'd'] },
  },
}

/** Reads faster than the embedded file. */
const known = {
  base: 'version: 1\nlab: base\nkubernetes: { version: 1.32.10 }\nkubeedge: { version: 1.23.1 }\ntasks: {}\n',
  tasks: new Set<string>(),
}

/** Where the file's author may write what he likes, for that is what the place is for; the rest takes names. */
const free = {
  code: /^tasks\/\*\/(sh|check)$/,
  variable: /^tasks\/\*\/env\/\*$/,
  path: /^(hypervisor\/storage|bundle|mirrors\/ca|nodes\/\*\/ssh(\/jump)*\/key|tasks\/\*\/script)$/,
  pattern: /^tasks\/\*\/(inputs|outputs)(\/\*)?$/,
  address: /^hypervisor\/uri$|^mirrors\/(proxy|sources\/|registries\/)/,
}

/** What no shell, XML, YAML, file name, table or log takes for anything else than text. */
const harmless = /^(?!-)[A-Za-z0-9_.:%@/+-]*$/

/** As the schema would name a place: what the user names is a star, and so is an item of a list. */
function patternOf(steps: readonly Step[]): string {
  const named = /^(networks|nodes|tasks)$|^nodes\/\*\/(networks|labels)$|^tasks\/\*\/env$|^mirrors\/registries$/
  let pattern = ''
  for (const step of steps) {
    const shown = named.test(pattern) || /^\d+$/.test(step) ? '*' : step
    pattern = pattern === '' ? shown : `${pattern}/${shown}`
  }
  return pattern
}

function placesIn(value: unknown, path: readonly Step[] = []): readonly (readonly Step[])[] {
  if (typeof value === 'string') return [path]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, part]) => placesIn(part, [...path, key]))
}

type Part = {
  type?: string | string[]
  enum?: unknown[]
  properties?: Record<string, Part>
  items?: Part
  additionalProperties?: Part | false
}

/** Every place of the schema that takes a text. */
function schemaPlaces(part: Part, path = ''): readonly string[] {
  const below = (step: string) => (path === '' ? step : `${path}/${step}`)
  const isText = [part.type].flat().includes('string') || part.enum
  return [
    ...(isText ? [path] : []),
    ...Object.entries(part.properties ?? {}).flatMap(([key, each]) => schemaPlaces(each, below(key))),
    ...(part.items ? schemaPlaces(part.items, below('*')) : []),
    ...(part.additionalProperties ? schemaPlaces(part.additionalProperties, below('*')) : []),
  ]
}

/** The sample with one value changed. */
function changed(path: readonly Step[], change: (holder: Data, key: string) => void) {
  const copy = structuredClone(sample)
  let holder = copy
  for (const step of path.slice(0, -1)) holder = holder[step] as Data
  change(holder, path.at(-1) as string)
  return JSON.stringify(copy, null, 1)
}

const isPlaced = ({ file, line, column }: Problem) => file === 'lab.yaml' && line > 1 && column > 1

function judge(text: string, value: string, place: string): string | undefined {
  const loaded = loadTopology(text, 'lab.yaml', known)
  if (loaded.ok) {
    const kind = Object.entries(free).find(([, pattern]) => pattern.test(place))?.[0]
    if (!kind && !harmless.test(value)) return 'is let through'
    if (kind && !['code', 'variable'].includes(kind) && /[\p{Cc}\p{Bidi_Control}\p{Cs}]/u.test(value))
      return 'is let through'
    return textsOf(loaded.topology).has(kind === 'path' ? pathOf(value) : value) ? undefined : 'became something else'
  }
  const shown = formatProblems(loaded.problems, { color: false })
  if (/(?!\n)[\p{Cc}\p{Bidi_Control}\p{Cs}]/u.test(shown)) return 'is shown as it is'
  return loaded.problems.every(isPlaced) ? undefined : `is refused without a place: ${shown.slice(0, 300)}`
}

const pathOf = (value: string) => (value === '~' || value.startsWith('~/') ? value : resolve(value))

function textsOf(value: unknown): ReadonlySet<string> {
  const texts = new Set<string>()
  const add = (part: unknown) => {
    if (typeof part === 'string') texts.add(part)
    else if (typeof part === 'object' && part !== null)
      for (const [key, each] of Object.entries(part)) {
        texts.add(key)
        add(each)
      }
  }
  add(value)
  return texts
}

const places = placesIn(sample)
const keys = [
  'networks/cloud',
  'nodes/pi',
  'nodes/master/labels/device',
  'nodes/master/networks/cloud',
  'tasks/first',
  'tasks/first/env/NAME',
  'mirrors/registries/docker.io',
]

test('the sample is sound, and fills every place of the schema', () => {
  const loaded = loadTopology(JSON.stringify(sample), 'lab.yaml', known)
  expect(loaded.ok ? [] : loaded.problems).toEqual([])
  // `extends: none` excludes half of the rest.
  const wanted = schemaPlaces(topologySchema as unknown as Part).filter((place) => place !== 'extends')
  expect([...new Set(places.map(patternOf))].toSorted()).toEqual([...new Set(wanted)].toSorted())
})

describe(`${hostileNames.length} hostile texts: each is refused in the file, or is exactly what the place is for`, () => {
  test.each(places.map((path) => [path.join('/'), path] as const))(
    'as %s',
    (_, path) => {
      const failures = hostileNames.flatMap((value) => {
        const text = changed(path, (holder, key) => {
          holder[key] = value
        })
        const failure = judge(text, value, patternOf(path))
        return failure ? [`${JSON.stringify(value).slice(0, 80)} ${failure}`] : []
      })
      expect(failures).toEqual([])
    },
    120_000,
  )

  test.each(keys)(
    'as the name %s',
    (place) => {
      const path = place.split('/')
      const rename = (name: string) =>
        changed(path, (holder, key) => {
          const entries = Object.entries(holder)
          for (const each of Object.keys(holder)) delete holder[each]
          for (const [each, value] of entries)
            Object.defineProperty(holder, each === key ? name : each, {
              value,
              enumerable: true,
              configurable: true,
              writable: true,
            })
        })
      const failures = hostileNames.flatMap((name) => {
        const failure = judge(rename(name), name, '')
        return failure ? [`${JSON.stringify(name).slice(0, 80)} ${failure}`] : []
      })
      expect(failures).toEqual([])
    },
    120_000,
  )
})
