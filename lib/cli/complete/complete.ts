import { homedir } from 'node:os'
import { cleanLine } from '../../report/clean-line.ts'
import type { Terminal } from '../command.ts'
import { defineProgram } from '../define-program.ts'
import { exitCodes } from '../exit-codes.ts'
import { type Candidate, labNames } from './lab-names.ts'
import { optionsOf, type Place, placeAt } from './place.ts'
import { insertion, splitLine } from './split-line.ts'
import { type Values, valuesOf } from './values.ts'

/**
 * Answers the scripts of `kedge completion`. The words are `bash LINE BREAKS`, with the line up to the cursor and
 * COMP_WORDBREAKS, or `zsh WORD…` and `fish WORD…`, with the words up to the cursor without the program's name. The first line
 * of the answer is `words`, `files` or `folders`, the rest are candidates as the shell wants them. Nothing is ever complained
 * about: whoever types has not asked.
 */
export async function complete([shell = '', ...words]: readonly string[], terminal: Terminal): Promise<number> {
  const line = shell === 'bash' ? splitLine(words[0] ?? '', words[1] ?? '') : undefined
  const current = line?.current ?? words.at(-1) ?? ''
  const found = await candidates(line?.before ?? words.slice(0, -1), current, terminal).catch(() => [])
  if (typeof found === 'string') terminal.write(`${found}\n`)
  else {
    const lines = found.filter(isShowable).flatMap(({ value, about }): readonly string[] => {
      // The others find by themselves what fits, and not only from its beginning.
      if (line) return value.startsWith(current) ? [insertion(value, line) ?? []].flat() : []
      const text = cleanLine(about)
      if (shell === 'zsh') return [value.replace(/[\\:]/g, '\\$&') + (text ? `:${text}` : '')]
      return [text ? `${value}\t${text}` : value]
    })
    terminal.write(['words', ...lines, ''].join('\n'))
  }
  return exitCodes.done
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is kept out
const isShowable = ({ value }: Candidate) => !/[\u0000-\u001f\u007f-\u009f]/.test(value)

async function candidates(before: readonly string[], current: string, terminal: Terminal): Promise<Values> {
  const place = placeAt(await defineProgram(before, terminal), before, current)
  const { command, given } = place
  if (place.kind === 'option') return optionCandidates(place)
  if (place.kind === 'command') {
    return command.commands
      .filter((each) => !each.name().startsWith('_'))
      .map((each) => ({ value: each.name(), about: each.summary() }))
  }
  if (place.kind !== 'value') return []
  const last = (name: string) =>
    given
      .get(name)
      ?.at(-1)
      ?.replace(/^~(?=\/|$)/, homedir())
  const [config, state] = [last('config'), last('state')]
  const names = labNames(terminal, { ...(config ? { config } : {}), ...(state ? { state } : {}) })
  const values = valuesOf(place.of, { names, command: command.name(), current: current.slice(place.before.length) })
  if (typeof values === 'string') return values
  return values
    .filter(({ value }) => !place.taken.includes(value))
    .map(({ value, about }) => ({ value: place.before + value, about }))
}

/** Those that were given and can be given once are not offered again. */
function optionCandidates({ command, given }: Place): readonly Candidate[] {
  const open = optionsOf(command).filter(
    (option) => !option.hidden && (option.variadic || !given.has(option.attributeName())),
  )
  return [
    ...open.flatMap(({ long, short, description }) =>
      [long, short].flatMap((flag) => (flag ? [{ value: flag, about: description }] : [])),
    ),
    { value: '--help', about: 'what it does, with examples' },
  ]
}
