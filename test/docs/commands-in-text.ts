/** A command of kedge's that a text names: its words, and the line that it stands in. */
export type Named = { readonly words: readonly string[]; readonly line: number }

/** Every `kedge …` in fences, indented blocks and code spans of a Markdown text, also as `./kedge` and `./kedge-lab`. */
export function commandsIn(text: string): readonly Named[] {
  const found: Named[] = []
  let isFenced = false
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) isFenced = !isFenced
    const isBlock = isFenced || /^ {4,}\S/.test(line)
    const pieces = isBlock ? [line] : [...line.matchAll(/(`+)(.+?)\1/g)].map(([, , code = '']) => code)
    for (const piece of pieces)
      for (const command of simpleCommands(piece)) found.push({ words: command, line: index + 1 })
  }
  return found
}

/** `cd x && kedge plan --json | head # see` holds one: `plan --json`. */
function simpleCommands(code: string): readonly (readonly string[])[] {
  return code
    .replace(/(?:^|\s)#\s.*$/, '')
    .split(/&&|\|\||[;|()]/)
    .flatMap((part) => {
      const [program = '', ...words] = wordsOf(part.trim().replace(/^(?:\$|sudo|type|cure:?|next) +/, ''))
      return /^(?:\.\/)?kedge(?:-lab)?$/.test(program) && words.length > 0 ? [words] : []
    })
}

/** Up to what the shell takes for itself: a redirection. */
function wordsOf(command: string): readonly string[] {
  const words = command.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []
  const end = words.findIndex((word) => /^[<>]/.test(word) || word === '→')
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/^(['"])(.*)\1$/, '$2'))
}
