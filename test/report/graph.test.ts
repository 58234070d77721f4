import { describe, expect, test } from 'bun:test'
import { seededRandom } from '../../lib/cli/seeded-random.ts'
import { cleanLine } from '../../lib/report/clean-line.ts'
import { drawRails } from '../../lib/report/draw-rails.ts'
import { graphDot } from '../../lib/report/graph-dot.ts'
import { graphMermaid } from '../../lib/report/graph-mermaid.ts'
import { graphText } from '../../lib/report/graph-text.ts'
import { printableJson } from '../../lib/report/json.ts'
import { type Graph, layersOf, taskGraph, withoutImplied } from '../../lib/report/task-graph.ts'
import { hostileNames } from '../hostile/hostile-names.ts'
import { expectGolden } from './expect-golden.ts'
import { paperLab } from './paper-lab.ts'

const { topology, plan } = paperLab()
const paper = taskGraph(topology.lab, plan.instances)
const allNodes = topology.nodes.map(({ name }) => name)

/** Edges of any kind as lines that can be compared. */
const edgesOf = ({ nodes }: Pick<Graph, 'nodes'>) =>
  nodes.flatMap(({ id, waitsFor }) => waitsFor.map((need) => `${need} → ${id}`)).sort()

/** A graph in which what waits for what is drawn by lot; about `density` needs for each node. */
function randomGraph(seed: number, count: number, density: number): Graph {
  const random = seededRandom(seed)
  const nodes = Array.from({ length: count }, (_, index) => {
    const earlier = Array.from({ length: index }, (_, other) => `n${other}`)
    return { id: `n${index}`, on: ['a'], waitsFor: earlier.filter(() => random() < density / Math.max(1, index)) }
  })
  return { name: 'random', nodes }
}

describe('as text', () => {
  test.each([
    ['graph-paper.txt', { unicode: true }],
    ['graph-paper-ascii.txt', { unicode: false }],
    ['graph-paper-color.txt', { unicode: true, color: true }],
  ])('the reference lab: %s', async (name, options) => {
    const text = graphText(paper, { ...options, width: 80, allNodes })
    for (const line of text.split('\n')) expect(Bun.stringWidth(Bun.stripANSI(line))).toBeLessThanOrEqual(80)
    if (!options.unicode) expect(text).toMatch(/^[\n -~]*$/)
    await expectGolden(name, text)
  })

  test('200 edges are named as far as there is room, and counted', async () => {
    const lab = paperLab(200)
    const large = taskGraph(
      'paper',
      lab.plan.instances.filter(({ node }) => node !== 'edge-7'),
    )
    const allNodes = lab.topology.nodes.map(({ name }) => name)
    await expectGolden('graph-two-hundred.txt', graphText(large, { unicode: true, width: 80, allNodes }))
    expect(graphText(large, { unicode: true, allNodes })).toContain('edge-1 to edge-6, edge-8 to edge-200, master\n')
    for (const line of graphText(large, { unicode: true, width: 60, allNodes }).split('\n'))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(60)
  })

  test('nothing is nothing', () => {
    expect(graphText({ name: 'x', nodes: [] }, { width: 80 })).toBe('')
  })

  test('a name of a node is not obeyed by the terminal', () => {
    const nodes = hostileNames.map((id) => ({ id, on: [id, `${id}2`], waitsFor: [] }))
    const text = graphText({ name: 'x', nodes }, { unicode: true, width: 80 })
    expect(text.match(/(?!\n)[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/gu)).toBeNull()
    expect(text.split('\n').length).toBe(hostileNames.length + 1)
  })
})

describe('who follows the lines of a drawing finds what waits for what', () => {
  const signs = {
    unicode: { node: '●', across: '─', goesOn: '●│├┼┤', joins: '├┼┤╰┴╯' },
    ascii: { node: 'o', across: '-', goesOn: 'o|+', joins: "+'" },
  }

  /** Reads a drawing as a person would: columns two apart, line by line. */
  function followed(
    ids: readonly string[],
    lines: readonly string[],
    { node, across, goesOn, joins }: typeof signs.ascii,
  ) {
    let rails: (string | undefined)[] = []
    const nodes = lines.map((line, at) => {
      const id = ids[at] as string
      const cell = (column: number) => line[2 * column] ?? ' '
      const own = line.indexOf(node) / 2
      const above = rails[own]
      const met = above === undefined ? [] : [above]
      for (const step of [-1, 1]) {
        const gap = (column: number) => line[2 * column + step]
        for (let column = own; gap(column) === across; column += step) {
          if (joins.includes(cell(column + step))) met.push(rails[column + step] ?? '?')
        }
      }
      const width = Math.ceil(Math.max(line.length / 2, rails.length))
      rails = Array.from({ length: width }, (_, column) => {
        if (column === own) return id
        return goesOn.includes(cell(column)) ? (rails[column] ?? '?') : undefined
      })
      return { id, waitsFor: met }
    })
    return edgesOf({ nodes: nodes.map((each) => ({ ...each, on: [] })) })
  }

  const inLayers = (graph: Graph) => {
    const layers = layersOf(graph)
    return graph.nodes.toSorted((one, other) => (layers.get(one.id) ?? 0) - (layers.get(other.id) ?? 0))
  }

  test.each(['unicode', 'ascii'] as const)('of the reference lab and of 300 random graphs, in %s', (kind) => {
    const random = Array.from({ length: 300 }, (_, seed) => randomGraph(seed, 1 + (seed % 30), (seed % 7) / 2))
    for (const graph of [paper, ...random]) {
      const reduced = withoutImplied(graph)
      const nodes = inLayers(reduced)
      const lines = drawRails(nodes, kind === 'unicode')
      const found = followed(
        nodes.map(({ id }) => id),
        lines,
        signs[kind],
      )
      expect({ drawing: lines.join('\n'), found }).toEqual({ drawing: lines.join('\n'), found: edgesOf(reduced) })
    }
  })

  test('what is left out follows from the rest, and nothing else is', () => {
    for (let seed = 0; seed < 100; seed++) {
      const graph = randomGraph(seed, 15, 3)
      const reduced = withoutImplied(graph)
      const reach = (nodes: Graph['nodes']) => {
        const reached = new Map<string, ReadonlySet<string>>()
        for (const { id, waitsFor } of nodes)
          reached.set(id, new Set(waitsFor.flatMap((need) => [need, ...(reached.get(need) ?? [])])))
        return [...reached].map(([id, needs]) => [id, [...needs].sort()])
      }
      expect(reach(reduced.nodes)).toEqual(reach(graph.nodes))
      for (const edge of edgesOf(reduced)) {
        const nodes = reduced.nodes.map((node) => ({
          ...node,
          waitsFor: node.waitsFor.filter((need) => `${need} → ${node.id}` !== edge),
        }))
        expect(reach(nodes)).not.toEqual(reach(graph.nodes))
      }
    }
  })
})

test('a task stands for its instances, wherever they run and whatever runs nowhere', () => {
  const instances = [
    { task: 'a', node: 'x', waitsFor: [] },
    { task: 'b', node: 'x', waitsFor: ['a@x'] },
    { task: 'b', node: 'y', waitsFor: ['a@x'] },
    { task: 'c', node: 'y', waitsFor: ['b@x', 'b@y'] },
  ]
  expect(taskGraph('lab', instances)).toEqual({
    name: 'lab',
    nodes: [
      { id: 'a', on: ['x'], waitsFor: [] },
      { id: 'b', on: ['x', 'y'], waitsFor: ['a'] },
      { id: 'c', on: ['y'], waitsFor: ['b'] },
    ],
  })
})

describe('in other languages', () => {
  // Graphviz itself refuses texts of more than 16 KiB.
  const names = [
    ...hostileNames.filter((name) => name.length < 5000),
    '%%{init: {}}%%',
    '`md`',
    '"`md`"',
    '#quot;',
    'end',
    '1. x',
    '- x',
  ]
  const hostile: Graph = {
    name: '"; } digraph { "',
    nodes: names.map((id, index) => ({ id, on: [id], waitsFor: index === 0 ? [] : [names[0] as string] })),
  }
  const lines = (id: string, on: readonly string[]) => [cleanLine(id), on.map(cleanLine).join(', ')]

  test('dot: Graphviz reads the nodes, the needs, and every text as it is', () => {
    const drawn = Bun.spawnSync(['dot', '-Tjson0'], { stdin: Buffer.from(graphDot(hostile)) })
    expect(drawn.stderr.toString()).toBe('')
    const { name, objects, edges } = JSON.parse(drawn.stdout.toString()) as {
      name: string
      objects: { name: string; label: string }[]
      edges: { tail: number; head: number }[]
    }
    expect(name.replaceAll('\\"', '"')).toBe(hostile.name)
    expect(objects.map((each) => each.name)).toEqual(names.map((_, index) => `n${index}`))
    expect(edges.map(({ tail, head }) => [tail, head])).toEqual(names.slice(1).map((_, index) => [0, index + 1]))
    const labels = objects.map(({ label }) =>
      label
        .replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character))
        .replaceAll('&amp;', '&')
        .split('\n'),
    )
    expect(labels).toEqual(hostile.nodes.map(({ id, on }) => lines(id, on)))
  })

  test('dot: what is drawn are the texts', () => {
    const drawn = Bun.spawnSync(['dot', '-Tsvg'], { stdin: Buffer.from(graphDot(hostile)) })
    const program = `import sys, json, xml.etree.ElementTree as tree
print(json.dumps([''.join(e.itertext()) for e in tree.fromstring(sys.stdin.buffer.read()).iter() if e.tag.endswith('}text')]))`
    const texts = Bun.spawnSync(['python3', '-c', program], { stdin: drawn.stdout })
    const shown = (JSON.parse(texts.stdout.toString()) as string[]).map((text) => text.replaceAll('\u00a0', ' ').trim())
    const wanted = hostile.nodes.flatMap(({ id, on }) => lines(id, on)).map((text) => text.trim())
    expect(shown.filter(Boolean).sort()).toEqual(wanted.filter(Boolean).sort())
  })

  /*
   * Mermaid's own parser comes with 180 MB of packages, so this is the part of its grammar that kedge writes, more strictly:
   * one statement a line, and between quotes nothing but letters, digits, blanks and `,@`, `.` and `-` inside a word, a number
   * for any other character, and line breaks. Mermaid 12.3 itself took the same graph.
   */
  test('mermaid: each line is a node or a need, and every text is as it is', () => {
    const statements = graphMermaid(hostile).trimEnd().split('\n')
    expect(statements.shift()).toBe('flowchart LR')
    const text = /(?:[\p{L}\p{N} ,@]|(?<=[\p{L}\p{N}])[.-](?=[\p{L}\p{N}])|#\d+;|<br\/>)+/u
    const node = new RegExp(`^  (n\\d+)\\["(${text.source})"\\]$`, 'u')
    const labels: string[][] = []
    const needs: string[] = []
    for (const statement of statements) {
      const [, name, label] = node.exec(statement) ?? []
      if (name !== undefined && label !== undefined) {
        expect(name).toBe(`n${labels.length}`)
        labels.push(
          label.split('<br/>').map((part) => part.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))),
        )
      } else {
        expect(statement).toMatch(/^ {2}n\d+ --> n\d+$/)
        needs.push(statement.trim())
      }
    }
    expect(labels).toEqual(hostile.nodes.map(({ id, on }) => lines(id, on).map((part) => part || ' ')))
    expect(needs).toEqual(names.slice(1).map((_, index) => `n0 --> n${index + 1}`))
  })

  test('json: every text comes back as it was', () => {
    expect(JSON.parse(printableJson(hostile))).toEqual(hostile)
    expect(printableJson(hostile)).toMatch(/^[^\p{Cc}\p{Bidi_Control}]*$/u)
  })

  test.each([
    ['graph-paper.dot', graphDot],
    ['graph-paper.mmd', graphMermaid],
  ])('the reference lab: %s', (name, draw) => expectGolden(name, draw(paper)))
})
