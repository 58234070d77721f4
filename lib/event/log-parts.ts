import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A file that holds what an instance printed from `offset` on, in bytes of all that it printed. */
export type LogPart = { readonly path: string; readonly offset: number }

/** The beginning of a log stands in `<name>.log`; of what is past that only the last parts are kept, in `<name>.log.<offset>`. */
export const logPart = (folder: string, name: string, offset: number): string =>
  join(folder, offset === 0 ? `${name}.log` : `${name}.log.${offset}`)

/** The logs of a run's folder by the name of their instance, each with its parts in order. */
export function logParts(folder: string): ReadonlyMap<string, readonly LogPart[]> {
  const logs = new Map<string, LogPart[]>()
  for (const file of readdirSync(folder)) {
    const [, name, offset = '0'] = /^(.+)\.log(?:\.(\d+))?$/.exec(file) ?? []
    if (name === undefined) continue
    const parts = logs.get(name) ?? []
    logs.set(name, parts)
    parts.push({ path: join(folder, file), offset: Number(offset) })
  }
  for (const parts of logs.values()) parts.sort((a, b) => a.offset - b.offset)
  return logs
}
