import type { InstanceFields } from '../event/event.ts'
import { cleanLine } from './clean-line.ts'
import { padEnd, widthOf } from './fit.ts'

/** Node and task in columns as wide as the widest so far, since later names are not known yet. */
export function nameColumns(): (instance: InstanceFields) => string {
  let nodeWidth = 10
  let taskWidth = 18
  return ({ node, task }) => {
    const [nodeName, taskName] = [cleanLine(node), cleanLine(task)]
    nodeWidth = Math.max(nodeWidth, widthOf(nodeName))
    taskWidth = Math.max(taskWidth, widthOf(taskName))
    return `${padEnd(nodeName, nodeWidth)}  ${padEnd(taskName, taskWidth)}`
  }
}
