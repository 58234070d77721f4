import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ImageSystem } from './image-system.ts'
import type { Mirrors } from './sources.ts'

/** A file for apt's `sources.list.d`; its name's ending says in which of the two formats it is. */
export type AptSources = { readonly name: string; readonly text: string }

/** The archives that `--mirror` can replace, by how their addresses end. */
export const archiveNames = ['debian', 'debian-security', 'ubuntu'] as const

/**
 * An image's own sources as another machine's apt can use them: keys where they were unpacked to, mirrors in place of what
 * they stand for, only what speaks HTTP, and packages only.
 */
export function aptSourcesOf(system: ImageSystem, mirrors: Mirrors): readonly AptSources[] {
  const parts = join(system.aptFolder, 'sources.list.d')
  const files = [
    join(system.aptFolder, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).sort() : []).map((name) => join(parts, name)),
  ]
  return files.flatMap((path, index) => {
    const ending = /\.(list|sources)$/.exec(path)?.[1]
    if (!ending || !existsSync(path)) return []
    const text = readFileSync(path, 'utf8')
    const kept = ending === 'list' ? fromLines(text, system, mirrors) : fromStanzas(text, system, mirrors)
    return kept.length > 0 ? [{ name: `${index}.${ending}`, text: kept.join('\n') }] : []
  })
}

/** The servers that sources name. */
export const serversOf = (sources: readonly AptSources[]): readonly string[] => [
  ...new Set(sources.flatMap(({ text }) => text.match(/https?:\/\/[^\s/]+/g) ?? [])),
]

function fromLines(text: string, system: ImageSystem, mirrors: Mirrors): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*deb\s+(\[[^\]]*\]\s+)?(\S+)\s+([^#]*)/.exec(line)
    const url = found && addressOf(found[2] ?? '', system, mirrors)
    return url ? [`deb ${withKeys(found[1] ?? '', system)}${url} ${found[3]}`] : []
  })
}

function fromStanzas(text: string, system: ImageSystem, mirrors: Mirrors): readonly string[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  return lines
    .join('\n')
    .split(/\n[ \t]*\n/)
    .flatMap((stanza) => {
      const types = /^Types:.*\bdeb(?!-)/im.test(stanza)
      const given = /^URIs:[ \t]*(.*(?:\n[ \t]+.*)*)/im.exec(stanza)?.[1]?.trim().split(/\s+/) ?? []
      const urls = given.flatMap((each) => addressOf(each, system, mirrors) ?? [])
      if (!types || urls.length === 0) return []
      const rest = stanza.replace(/^(?:Types|URIs):.*(?:\n[ \t]+.*)*\n?/gim, '').trim()
      return [`Types: deb\nURIs: ${urls.join(' ')}\n${withKeys(rest, system)}\n`]
    })
}

/** Of `mirror+file:`, in which cloud images keep their mirrors for each provider, the first that is listed. */
function addressOf(uri: string, system: ImageSystem, mirrors: Mirrors): string | undefined {
  const list = /^mirror\+file:(?:\/\/)?\/etc\/apt\/([\w./-]+)$/.exec(uri)?.[1]
  if (list && !list.includes('..')) {
    const path = join(system.aptFolder, list)
    const first = existsSync(path) ? /^https?:\/\/\S+/m.exec(readFileSync(path, 'utf8'))?.[0] : undefined
    return first && addressOf(first, system, mirrors)
  }
  if (!/^https?:\/\//.test(uri)) return undefined
  const archive = /\/([\w-]+)\/*$/.exec(uri)?.[1]?.replace(/^ubuntu-ports$/, 'ubuntu') ?? ''
  return mirrors[archive] ?? uri
}

const withKeys = (text: string, { aptFolder, keyringsFolder }: ImageSystem) =>
  text
    .replaceAll(/(signed-by[=:][ \t]*)\/usr\/share\/keyrings\//gi, `$1${keyringsFolder}/`)
    .replaceAll(/(signed-by[=:][ \t]*)\/etc\/apt\//gi, `$1${aptFolder}/`)
