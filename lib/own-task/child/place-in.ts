import { shortened } from '../shortened.ts'

/** The nearest line of the task's own file in a stack, or of another file that is not kedge's. */
export function placeIn(stack: string, file: string): string | undefined {
  const frames = [...stack.matchAll(/(?:\(|at )(?:async )?(\/[^()\n]*?:\d+(?::\d+)?)\)?$/gm)].map(
    (match) => match[1] ?? '',
  )
  const own = frames.find((frame) => frame.startsWith(`${file}:`))
  const near = frames.find((frame) => !frame.startsWith('/$bunfs/') && !frame.includes('/lib/own-task/child/'))
  const place = own ?? near
  return place === undefined ? undefined : shortened(place)
}
