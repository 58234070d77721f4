import type { Host } from '../host/host.ts'
import type { Finding } from './finding.ts'

/** One subject that doctor looks at on a host: what is asked there, and what the answer means. */
export type Area<View> = {
  /** bash that only looks, in English; what it prints on stdout is the answer, its exit code is of no account. */
  script(view: View): string
  judge(said: string, view: View): Finding | readonly Finding[]
}

export type Areas<View> = Readonly<Record<string, Area<View>>>
export type Answers = ReadonlyMap<string, string>

/** Stands before each answer, with the area's name. */
export const mark = 'kedge doctor asks:'

/** The answers by name of the area: however many there are, one command asks them all. */
export async function ask<View>(host: Pick<Host, '$'>, areas: Areas<View>, view: View): Promise<Answers> {
  const parts = Object.entries(areas).map(
    ([name, area]) => `printf '\\n%s\\n' '${mark} ${name}'\n(\n${area.script(view)}\n) 2>/dev/null </dev/null`,
  )
  const script = ['export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"', ...parts, 'true'].join('\n')
  const { stdout } = await host.$({ quiet: true })`bash -c ${script}`
  const texts = stdout.split(new RegExp(`^${mark} (\\S+)\n`, 'm')).slice(1)
  return new Map(texts.flatMap((name, at) => (at % 2 === 0 ? [[name, texts[at + 1]?.trim() ?? '']] : [])))
}

/** In the order of the areas; one that was not asked about is left out. */
export const judge = <View>(answers: Answers, areas: Areas<View>, view: View): readonly Finding[] =>
  Object.entries(areas).flatMap(([name, area]) => {
    const said = answers.get(name)
    return said === undefined ? [] : area.judge(said, view)
  })

/** `key value` lines as a map; of a key that comes twice the last. */
export const keyed = (said: string): ReadonlyMap<string, string> =>
  new Map(
    said.split('\n').map((line) => {
      const at = line.indexOf(' ')
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).trim()]
    }),
  )

export const words = (text = ''): readonly string[] => text.split(/\s+/).filter((word) => word !== '')
