/** Numbers from 0 up to 1, the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What a hand, a merge conflict or a broken disk leaves in a file. */
const debris = [
  '', ' ', '  ', '\t', '\n', '\r\n', '\0', '\x1b', '\ufeff', '\u2028', '💥', '\ud800',
  ':', ': ', '-', '- ', ',', '{', '}', '[', ']', '"', "'", '#', ' #', '|', '>', '&a ', '*a', '!t ', '%', '@', '`', '? ', '<<: ',
  '---\n', '...\n', '<<<<<<< ours\n', 'null', '~', 'true', '0', '-1', '1e99', '.inf', '0x10', '2024-01-01', '/33', '0.0.0.0/0',
  '255.255.255.255', 'constructor', '__proto__', 'toString', 'all', 'nodes', 'x'.repeat(300), '[[[[[[[[', '{a: {a: {a: ',
] // biome-ignore format: a list to read at a glance

type Edit = (text: string, random: () => number) => string

const pick = <Item>(items: readonly Item[], random: () => number): Item | undefined =>
  items[Math.floor(random() * items.length)]
const spot = (text: string, random: () => number): number => Math.floor(random() * (text.length + 1))

const words = /[A-Za-z0-9./-]+/g

const inLines =
  (change: (lines: string[], random: () => number) => void): Edit =>
  (text, random) => {
    const lines = text.split('\n')
    change(lines, random)
    return lines.join('\n')
  }

const anyLine = (lines: readonly string[], random: () => number): number => Math.floor(random() * lines.length)

const edits: readonly Edit[] = [
  (text, random) => {
    const at = spot(text, random)
    return text.slice(0, at) + (pick(debris, random) ?? '') + text.slice(at + Math.floor(random() * 3))
  },
  (text, random) => text.slice(0, spot(text, random)),
  (text, random) => {
    const found = [...text.matchAll(words)]
    const [from, to] = [pick(found, random), pick([...found.map(([word]) => word), ...debris], random)]
    return from ? text.slice(0, from.index) + to + text.slice(from.index + from[0].length) : text
  },
  inLines((lines, random) => lines.splice(anyLine(lines, random), 1)),
  inLines((lines, random) => lines.splice(anyLine(lines, random), 0, lines[anyLine(lines, random)] ?? '')),
  inLines((lines, random) => {
    const at = anyLine(lines, random)
    lines[at] = random() < 0.5 ? `  ${lines[at]}` : (lines[at] ?? '').replace(/^ {1,2}/, '')
  }),
]

/** The text after one to four accidents. */
export function mutate(text: string, random: () => number): string {
  let mutated = text
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--)
    mutated = pick(edits, random)?.(mutated, random) ?? mutated
  return mutated
}
