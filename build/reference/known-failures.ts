import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Signature, signatures, signaturesOf } from '../../lib/event/known-failure.ts'
import { block, code, page, table } from './markdown.ts'

const fixtures = join(import.meta.dir, '../../test/fixtures/failures')

/** Each failure that is known by what a program prints: what is seen, what is behind it, what cures it. */
export function knownFailuresPage(): string {
  return page(
    'Known failures',
    'the signatures in lib/event and the texts that their tests know them by',
    'When a command fails, the last lines that it printed are held against this table, in this order, and the first that fits gives the failure its cause and what to type. `kedge why NODE` reads the journal of the node for the same signs. `NODE` stands for the node, other words in capitals for what was found in the line.',
    table(
      ['what it is', 'seen in'],
      signatures.map(({ name, cause, seenIn }) => [`[${inWords(cause)}](#${name})`, seenIn.join(', ')]),
    ),
    ...signatures.flatMap((signature) => [
      `## ${signature.name}`,
      `Printed by ${listed(signature.seenIn)}:`,
      block(seen(signature)),
      `**It means:** ${inWords(signature.cause)}.${signature.isVague ? ' Whatever else is found explains more.' : ''}`,
      `**Type:** ${code(inWords(signature.cure))}`,
    ]),
  )
}

/** The first line that the tests know it by, as a program printed it. */
function seen({ name }: Signature): string {
  const lines = readFileSync(join(fixtures, `${name}.txt`), 'utf8').split('\n')
  const line = lines.find((each) => signaturesOf(each).some((signature) => signature.name === name))
  if (line === undefined) throw new Error(`test/fixtures/failures/${name}.txt has no line of it`)
  return line.trim()
}

const inWords = (text: string): string => text.replace(/\{(\w+)\}/g, (_, name: string) => name.toUpperCase())

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
