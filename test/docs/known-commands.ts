import { rowsOf } from '../../build/reference/commands.ts'
import { runHere } from '../../build/run-here.ts'
import { commands } from '../../lib/cli/commands/index.ts'

/** A command as its help shows it. */
type Known = { readonly options: ReadonlySet<string>; readonly isFamily: boolean; readonly takesAnything: boolean }

const optionsIn = (help: string): ReadonlySet<string> =>
  new Set(
    [...help.matchAll(/^ {2}(-\w)?(?:, )?(--[\w-]+)?/gm)].flatMap(([, short, long]) =>
      [short, long].filter((flag) => flag !== undefined),
    ),
  )

/** Every command by its words, `bundle create` say, and what all of them take under the empty name. */
export async function knownCommands(): Promise<ReadonlyMap<string, Known>> {
  const rows = await rowsOf(commands, [])
  const whole = (await runHere('/', ['--help'])).stdout
  return new Map([
    ['', { options: optionsIn(whole), isFamily: true, takesAnything: false }],
    ...rows.map(({ words, help }): [string, Known] => [
      words.join(' '),
      {
        options: optionsIn(help),
        isFamily: /^Usage: .*\[command\]$/m.test(help),
        takesAnything: /^Usage: kedge (?:kubectl|ssh) /m.test(help),
      },
    ]),
  ])
}

/** What is wrong with `kedge WORDS…`; undefined where command and options exist. */
export function complaintAbout(words: readonly string[], known: ReadonlyMap<string, Known>): string | undefined {
  const global = known.get('')?.options ?? new Set<string>()
  const isValueOf = (flag: string | undefined) =>
    flag === '-c' || flag === '--config' || flag === '--state' || flag === '--trust' || flag === '--color'
  const rest = words.filter((word, at) => !global.has(word) && !isValueOf(words[at - 1]))
  if (rest.length === 0) return undefined
  let path = rest[0] ?? ''
  let used = 1
  // A placeholder stands for any command.
  if (/^[A-Z…]/.test(path)) return undefined
  if (known.get(path)?.isFamily && rest[1] !== undefined && !rest[1].startsWith('-')) path = `${path} ${rest[used++]}`
  const command = known.get(path)
  if (!command) return `there is no command ${path}`
  for (const word of rest.slice(used)) {
    if (command.takesAnything) return undefined
    const flag = word.split('=')[0] ?? ''
    if (/^-/.test(flag) && !command.options.has(flag)) return `kedge ${path} has no option ${flag}`
  }
  return undefined
}
