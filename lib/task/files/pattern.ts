/**
 * A pattern of `inputs:` or `outputs:`, taken apart: the folder that it begins in, and what of its content it means. `*`, `?`
 * and `[…]` stay within a name, `**` goes through folders, `{a,b}` is two patterns; a leading dot is met by a dot alone.
 */
export type Pattern = {
  /** Without a wildcard the file or folder itself; else the folder that is searched. As written, `.` for an empty one. */
  readonly path: string
  /** What a path relative to that folder must match as a whole, in POSIX' extended syntax that is JavaScript's too. */
  readonly below?: string
  /** How many folders deep it can match, where that is known. */
  readonly depth?: number
  /** Whether something in hidden folders can match. */
  readonly meansHidden: boolean
}

/** All that a folder holds, but for what is hidden. */
export const everythingBelow = '([^/.][^/]*/)*[^/.][^/]*'

/** Whether a pattern takes out what others have found. */
export const isExclusion = (text: string): boolean => text.startsWith('!')

/** The patterns that one text means; an exclusion's without its `!`. */
export const patternsOf = (text: string): readonly Pattern[] => expandBraces(text.replace(/^!/, '')).map(patternOf)

/** Whether a pattern means this path, or a folder that it is in; both as written. */
export function means({ path, below }: Pattern, name: string): boolean {
  if (below === undefined) return name === path || name.startsWith(path === '/' ? '/' : `${path}/`)
  const relative = path === '.' ? name : name.slice(path === '/' ? 1 : path.length + 1)
  return joined(path, relative) === name && new RegExp(`^(${below})$`).test(relative)
}

export const joined = (folder: string, name: string): string =>
  folder === '.' ? name : folder === '/' ? `/${name}` : `${folder}/${name}`

function patternOf(text: string): Pattern {
  const segments = text.replace(/^(\.\/+)+/, '').split(/\/+/)
  // `src/` is the folder `src`.
  if (segments.length > 1 && segments.at(-1) === '') segments.pop()
  const first = segments.findIndex(isWild)
  const plain = (first < 0 ? segments : segments.slice(0, first)).map((segment) => segment.replace(/\\(.)/g, '$1'))
  const path = plain.join('/') || (plain.length > 0 && text.startsWith('/') ? '/' : '.')
  if (first < 0) return { path, meansHidden: false }
  const rest = segments.slice(first)
  return {
    path,
    below: rest.map((segment, at) => segmentSource(segment, at === rest.length - 1)).join(''),
    ...(rest.includes('**') ? {} : { depth: rest.length }),
    meansHidden: rest.some((segment) => /^\\?\./.test(segment)),
  }
}

const isWild = (segment: string): boolean => /[*?[]/.test(segment.replace(/\\./g, ''))

function segmentSource(segment: string, isLast: boolean): string {
  if (segment === '**') return isLast ? everythingBelow : '([^/.][^/]*/)*'
  let source = ''
  for (let at = 0; at < segment.length; at++) {
    const character = segment[at] as string
    if (character === '*') {
      while (segment[at + 1] === '*') at++
      const mayBeEmpty = at + 1 < segment.length && segment[at + 1] !== '.'
      source += source !== '' ? '[^/]*' : mayBeEmpty ? '([^/.][^/]*)?' : '[^/.][^/]*'
    } else if (character === '?') source += source === '' ? '[^/.]' : '[^/]'
    else if (character === '[') {
      const [set = ''] = /^\[[!^]?[^\]\\[]+\]/.exec(segment.slice(at)) ?? []
      source += set === '' ? '\\[' : set.replace(/^\[[!^]/, '[^/')
      at += Math.max(0, set.length - 1)
    } else if (character === '\\' && at + 1 < segment.length) source += literal(segment[++at] as string)
    else source += literal(character)
  }
  return isLast ? source : `${source}/`
}

const literal = (character: string): string => character.replace(/[.^$+(){}|*?[\]\\]/, '\\$&')

/** `a{b,c}` → `ab`, `ac`, as bash does: from the left, braces within braces too, and none without a comma. */
function expandBraces(text: string): readonly string[] {
  for (let open = nextOpen(text, 0); open >= 0; open = nextOpen(text, open + 1)) {
    const parts = partsOf(text, open)
    if (!parts) continue
    const before = text.slice(0, open)
    return parts.texts.flatMap((part) => expandBraces(before + part + text.slice(parts.end)))
  }
  return [text]
}

function nextOpen(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '{') return at
  }
  return -1
}

/** What stands between commas in the braces that open here; undefined where they are no list, or never close. */
function partsOf(text: string, open: number): { readonly texts: readonly string[]; readonly end: number } | undefined {
  const texts: string[] = []
  let depth = 0
  let from = open + 1
  for (let at = open + 1; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === '{') depth++
    else if (character === ',' && depth === 0) {
      texts.push(text.slice(from, at))
      from = at + 1
    } else if (character === '}' && depth-- === 0) {
      if (texts.length === 0) return undefined
      return { texts: [...texts, text.slice(from, at)], end: at + 1 }
    }
  }
  return undefined
}
