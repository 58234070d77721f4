import { nearest } from './nearest.ts'

/** User text inside a message: marked, cropped, and harmless to a terminal. */
export function quoted(value: unknown): string {
  if (value === '') return 'an empty text'
  const text =
    typeof value === 'string' ? JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"') : JSON.stringify(value)
  return `\`${text.length > 60 ? `${text.slice(0, 59)}…` : text}\``
}

/** The hint that names the nearest candidate, where one is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const suggestion = nearest(word, candidates)
  return suggestion === undefined ? undefined : `did you mean ${quoted(suggestion)}?`
}
