import { cleanLine } from '../clean-line.ts'
import { formatSeconds } from '../duration.ts'
import { cut } from '../fit.ts'
import type { InstanceRecord } from '../fold-run.ts'
import type { Measures, TaskTimes } from '../measure-run.ts'
import { taskGraph, withoutImplied } from '../task-graph.ts'
import { escaped } from './escape.ts'
import { lookOf } from './look.ts'
import { type PlacedBox, placeGraph } from './place-graph.ts'

const mostTasks = 200
const box = { width: 172, height: 42, columnPixels: 190, linePixels: 70 }

/** Every task of the lab as a box, below all that it waits for; needs that follow from others are left out. */
export function taskGraphHtml(measures: Measures, waits: ReadonlyMap<string, readonly string[]>): string {
  const { run, criticalPath } = measures
  const graph = withoutImplied(taskGraph(run.lab, [...waits].map(instanceOf)))
  if (graph.nodes.length === 0) return '<p>The file has no task.</p>\n'
  if (graph.nodes.length > mostTasks) {
    return `<p>${graph.nodes.length} tasks are too many to be drawn here: <code>kedge graph</code> draws them.</p>\n`
  }
  const placed = placeGraph(graph)
  const instances = Map.groupBy(run.instances, ({ task }) => task)
  const times = new Map(measures.tasks.map((one) => [one.task, one]))
  const pathTasks = criticalPath.instances.map(({ task }) => task)
  const pathSteps = new Set(pathTasks.slice(1).map((task, before) => `${pathTasks[before]}\n${task}`))
  const edges = graph.nodes.flatMap(({ id, waitsFor }) =>
    waitsFor.flatMap((need) => {
      const [from, to] = [placed.get(need), placed.get(id)]
      return from && to ? [edgeHtml(from, to, pathSteps.has(`${need}\n${id}`))] : []
    }),
  )
  const boxes = [...placed.values()].map((place) => {
    const its = instances.get(place.id) ?? []
    return boxHtml(place, its, pathTasks.includes(place.id), times.get(place.id))
  })
  const columns = Math.max(...[...placed.values()].map(({ column }) => column)) + 1
  const lines = Math.max(...[...placed.values()].map(({ line }) => line)) + 1
  const size = { width: columns * box.columnPixels, height: lines * box.linePixels }
  // Edges that are marked come last, so that no other crosses them.
  const inOrder = [
    ...edges.filter((edge) => !edge.includes('critical')),
    ...edges.filter((edge) => edge.includes('critical')),
  ]
  return `<div class="graph" id="graph"><svg width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}">
${inOrder.join('')}
${boxes.join('\n')}
</svg></div>
`
}

const instanceOf = ([id, waitsFor]: readonly [string, readonly string[]]) => {
  const at = id.lastIndexOf('@')
  return { task: id.slice(0, at), node: id.slice(at + 1), waitsFor }
}

const leftOf = ({ column }: PlacedBox) => column * box.columnPixels + (box.columnPixels - box.width) / 2
const topOf = ({ line }: PlacedBox) => line * box.linePixels + (box.linePixels - box.height) / 2

function edgeHtml(from: PlacedBox, to: PlacedBox, isCritical: boolean): string {
  const [x1, y1] = [leftOf(from) + box.width / 2, topOf(from) + box.height]
  const [x2, y2] = [leftOf(to) + box.width / 2, topOf(to)]
  const middle = (y1 + y2) / 2
  return `<path class="edge${isCritical ? ' critical' : ''}" d="M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}"/>`
}

function boxHtml(place: PlacedBox, its: readonly InstanceRecord[], isCritical: boolean, times?: TaskTimes): string {
  const failed = times?.failedCount ?? 0
  const likeABar = its.find(({ attempts }) => attempts > 0) ?? its[0]
  const look = [failed > 0 ? 'failed' : likeABar ? lookOf(likeABar) : 'not-selected', isCritical ? 'critical' : '']
  const figures = figuresOf(its.length, times)
  const title = escaped(`${place.id}: ${figures}${isCritical ? '; on the critical path' : ''}`)
  const name = `${failed > 0 ? '✗ ' : ''}${escaped(cut(cleanLine(place.id), 22))}`
  const at = `x="${leftOf(place)}" y="${topOf(place)}" width="${box.width}" height="${box.height}"`
  return `<svg class="${['box', ...look].filter(Boolean).join(' ')}" data-task="${escaped(place.id)}" ${at}><title>${title}</title><rect rx="5"/><text x="10" y="17">${name}</text><text class="small" x="10" y="33">${figures}</text></svg>`
}

function figuresOf(instances: number, times: TaskTimes | undefined): string {
  if (!times || instances === 0) return 'not in this run'
  const { count, alreadyCount, failedCount, medianSeconds } = times
  const nodes = `${instances} ${instances === 1 ? 'node' : 'nodes'}`
  if (failedCount > 0) return `${failedCount} of ${nodes} failed`
  if (count > 0) return `${nodes} · ${formatSeconds(medianSeconds)}`
  return alreadyCount > 0 ? `${nodes} · so already` : `${nodes} · not done`
}
