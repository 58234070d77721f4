import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export type StandInVersions = { readonly kubernetes: string; readonly kubeedge: string }

const folder = import.meta.dir

/**
 * One self-contained executable: every module as text, and the loader that unpacks them at the first start. To read so much
 * text takes Python longer than most of what it is asked for, so a few lines of shell go to what has been unpacked.
 */
export function programText(program: string, versions: StandInVersions): string {
  const names = readdirSync(join(folder, 'programs')).filter((name) => name.endsWith('.py'))
  const sources = JSON.stringify(
    Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(folder, 'programs', name), 'utf8')])),
  )
  const tagged = { kubernetes: tag(versions.kubernetes), kubeedge: tag(versions.kubeedge) }
  const digest = createHash('sha256').update(sources).update(JSON.stringify(tagged)).digest('hex').slice(0, 16)
  return `#!/bin/sh
# A stand-in for ${program}, made by kedge's lab. It is not the real program.
''':'
unpacked="$KEDGE_STANDIN_ROOT/var/cache/kedge-stand-in/${digest}/${program}"
if [ -e "$unpacked" ]; then exec /usr/bin/python3 -IS "$unpacked" "$@"; fi
exec /usr/bin/python3 -IS "$0" "$@"
'''
PROGRAM = ${JSON.stringify(program)}
VERSIONS = ${JSON.stringify(tagged)}
DIGEST = ${JSON.stringify(digest)}
SOURCES = ${pythonText(sources)}
${readFileSync(join(folder, 'loader.py'), 'utf8')}`
}

/** `v1.2.3`, whichever way it was given. */
export const tag = (version: string): string => `v${version.replace(/^v/, '')}`

/** JSON is a Python literal, but for what lies outside the basic plane, which JSON.stringify leaves alone. */
const pythonText = (text: string): string => JSON.stringify(text)
