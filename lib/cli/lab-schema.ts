import { tasks as builtIn } from '../../tasks/index.ts'
import { isMapping } from '../topology/explain-breach.ts'
import { topologySchema } from '../topology/schema.ts'

const { tasks, ...properties } = topologySchema.properties
const { additionalProperties: entry, ...map } = tasks as { readonly additionalProperties?: object }
const task = { $ref: '#/properties/tasks/additionalProperties' }

/** The JSON Schema of a lab file for editors: that of its check, and the names of the built-in tasks with what they do. */
export const labSchema = readable({
  ...topologySchema,
  properties: {
    ...properties,
    tasks: {
      ...map,
      // A text beside a reference is passed over by validators, and shown by editors.
      properties: Object.fromEntries(
        Object.entries(builtIn).map(([name, about]) => [name, { ...task, description: aboutTask(about) }]),
      ),
      additionalProperties: entry,
    },
  },
}) as object

function aboutTask({ description, checks, changes }: (typeof builtIn)[string]): string {
  const sentences = [
    description,
    ...(checks ? [`Done where ${checks}`] : []),
    ...(changes ? [`Else it ${changes}`] : []),
  ]
  return `${sentences.join('. ')}. Without it the built-in wiring's entry.`
}

/** Editors show a description as it is, backquotes and all, and no default: as Markdown they show both. */
function readable(part: unknown): unknown {
  if (!isMapping(part)) return part
  const { description, default: standard } = part
  const inner = Object.entries(part).map(([key, value]) => {
    if (key === 'examples' || key === 'default') return [key, value]
    if (key === 'properties' && isMapping(value))
      return [key, Object.fromEntries(Object.entries(value).map(([name, each]) => [name, readable(each)]))]
    return [key, readable(value)]
  })
  if (typeof description !== 'string') return Object.fromEntries(inner)
  const value = typeof standard === 'string' ? standard : JSON.stringify(standard)
  const markdownDescription = standard === undefined ? description : `${description}\n\nDefault: \`${value}\``
  return { ...Object.fromEntries(inner), markdownDescription }
}
