/** Text for a cell of a table: on one line, with nothing in it that would end the cell. */
const cell = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|')

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |\n`)
  return lines.join('')
}

/** As code on a line, also where it has backquotes of its own. */
export function code(text: string): string {
  const fence = text.includes('`') ? '``' : '`'
  return `${fence}${text.startsWith('`') ? ` ${text}` : text}${text.endsWith('`') ? ' ' : ''}${fence}`
}

export const block = (text: string, language = 'text'): string => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n`

/** Of a heading, as the forges that show Markdown make it. */
export const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(/\s/g, '-')

/** A page that is made, with a line at its head that says so. */
export const page = (title: string, from: string, ...parts: readonly string[]): string =>
  `${[`# ${title}\n`, `<!-- Made by \`bun run docs\` from ${from}: changes here are lost. -->\n`, ...parts]
    .map((part) => part.trimEnd())
    .join('\n\n')}\n`
