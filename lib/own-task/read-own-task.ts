import { existsSync, readFileSync } from 'node:fs'
import { extname, isAbsolute } from 'node:path'
import { apiVersion } from '../task/api.ts'
import type { Problem } from '../topology/topology.ts'
import { mayShareProcess } from './may-share.ts'
import { shortened } from './shortened.ts'

export type OwnTaskText = {
  /** No default export: its body is what it does. */
  readonly isScript: boolean
  /** Its process may have served another attempt before, and may serve another afterwards. */
  readonly mayShare: boolean
}

/** Looks at a task's file without running it. What stands in the way of loading it is the user's mistake, with its place. */
export function readOwnTask(file: string): OwnTaskText | { readonly problem: Problem } {
  if (!existsSync(file)) return { problem: problemIn(file, 1, 1, '', `there is no ${file}`) }
  const text = readFileSync(file, 'utf8')
  const asked = /\bapiVersion\s*[:=]\s*(\d+)/.exec(text)
  if (asked && Number(asked[1]) > apiVersion) {
    const before = text.slice(0, asked.index).split('\n')
    const source = text.split('\n')[before.length - 1] ?? ''
    const message = `asks for version ${asked[1]} of what \`kedge\` gives to tasks; this kedge has version ${apiVersion}`
    const column = (before.at(-1)?.length ?? 0) + 1
    return {
      problem: {
        ...problemIn(file, before.length, column, source, message, asked[0].length),
        hint: 'take a newer kedge',
      },
    }
  }
  try {
    const scanned = new Bun.Transpiler({ loader: extname(file).endsWith('ts') ? 'ts' : 'js' }).scan(text)
    return { isScript: !scanned.exports.includes('default'), mayShare: mayShareProcess(text) }
  } catch (error) {
    const problem = problemOf(error, file)
    if (!problem) throw error
    return { problem }
  }
}

/** What Bun says of a file that it cannot make a module of; undefined for any other error. */
export function problemOf(error: unknown, file: string): Problem | undefined {
  if (error instanceof AggregateError) {
    return error.errors.map((each) => problemOf(each, file)).find((problem) => problem !== undefined)
  }
  if (error instanceof ResolveMessage) {
    const importer = error.referrer || file
    return problemOfImport(error.message, error.specifier, importer)
  }
  if (!(error instanceof BuildMessage)) return undefined
  const { line, column, lineText, length, file: named } = error.position ?? nowhere
  return problemIn(isAbsolute(named) ? named : file, line, column, lineText, error.message, length)
}

const nowhere = { line: 1, column: 1, lineText: '', length: 1, file: '' }

/** Bun does not say where the import stands; the first line that has the name in quotes is taken for it. */
function problemOfImport(message: string, specifier: string, file: string): Problem {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  const at = lines.findIndex((line) => [`'${specifier}'`, `"${specifier}"`].some((quoted) => line.includes(quoted)))
  const source = lines[at] ?? ''
  const column = Math.max(0, source.indexOf(specifier)) + 1
  return problemIn(
    file,
    Math.max(0, at) + 1,
    column,
    source,
    message.replace(/ (from|imported from) .*$/s, ''),
    specifier.length,
  )
}

function problemIn(file: string, line: number, column: number, source: string, message: string, length = 1): Problem {
  return { file: shortened(file), line, column, message, source, length: Math.max(1, length) }
}
