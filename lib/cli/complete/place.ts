import type { Argument, Option, Command as Program } from 'commander'

/** What is to be completed: an option, a command, or a value for one of both. */
export type Place = Around & ({ readonly kind: 'option' | 'command' | 'nothing' } | ValuePlace)

type Around = {
  readonly command: Program
  /** What the words before it gave to each option. */
  readonly given: ReadonlyMap<string, readonly string[]>
}

type ValuePlace = {
  readonly kind: 'value'
  readonly of: Option | Argument
  /** Stands in front of every value, as in `--format=`. */
  readonly before: string
  /** Said already. */
  readonly taken: readonly string[]
}

/** Options that a command takes, those for every command included. */
export function optionsOf(command: Program): readonly Option[] {
  return command.parent ? [...command.options, ...optionsOf(command.parent)] : command.options
}

const optionNamed = (command: Program, flag: string) =>
  optionsOf(command).find(({ long, short }) => long === flag || short === flag)

const takesValue = ({ required, optional }: Option) => required || optional

/** Goes through the words as commander will, and says what the word `current`, after them, can be. */
export function placeAt(program: Program, before: readonly string[], current: string): Place {
  const given = new Map<string, readonly string[]>()
  const give = (option: Option, value: string) =>
    given.set(option.attributeName(), [...(given.get(option.attributeName()) ?? []), value])
  let command = program
  let words: readonly string[] = []
  let isOver = false
  /** The option that takes what follows, and whether it must have a value still. */
  let open: { readonly option: Option; readonly isEmpty: boolean } | undefined

  for (const word of before) {
    if (command.name() === 'kubectl') break
    if (open && (open.isEmpty || !word.startsWith('-'))) {
      give(open.option, word)
      open = open.option.variadic ? { option: open.option, isEmpty: false } : undefined
      continue
    }
    open = undefined
    if (isOver || !/^-./.test(word)) {
      const sub = isOver ? undefined : command.commands.find((each) => each.name() === word)
      if (sub) command = sub
      else words = [...words, word]
    } else if (word === '--') isOver = true
    else {
      const [, flag = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? /^(-[^-])(.+)$/s.exec(word) ?? []
      const option = optionNamed(command, flag)
      if (!option) continue
      if (!takesValue(option)) give(option, '')
      else if (value !== undefined) give(option, value)
      else open = { option, isEmpty: option.required }
    }
  }

  const base = { command, given }
  const valueFor = (option: Option, prefix = ''): Place => {
    const taken = option.variadic ? (given.get(option.attributeName()) ?? []) : []
    return { ...base, kind: 'value', of: option, before: prefix, taken }
  }
  if (command.name() === 'kubectl') return { ...base, kind: 'nothing' }
  if (open && (open.isEmpty || !current.startsWith('-'))) return valueFor(open.option)
  if (!isOver && current.startsWith('-')) {
    const [, flag] = /^(--[^=]+)=/.exec(current) ?? []
    const option = flag === undefined ? undefined : optionNamed(command, flag)
    if (flag === undefined) return { ...base, kind: 'option' }
    return option && takesValue(option) ? valueFor(option, `${flag}=`) : { ...base, kind: 'nothing' }
  }
  if (command.commands.length > 0) return { ...base, kind: words.length === 0 ? 'command' : 'nothing' }
  const { registeredArguments } = command
  const argument = registeredArguments[words.length] ?? registeredArguments.find(({ variadic }) => variadic)
  return argument ? { ...base, kind: 'value', of: argument, before: '', taken: words } : { ...base, kind: 'nothing' }
}
