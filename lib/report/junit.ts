/** One claim or step; without a failure it has passed. */
export type JunitCase = {
  /** What it is about: a node's name. */
  readonly classname: string
  readonly name: string
  readonly seconds?: number
  /** What the failure says in one line. */
  readonly failure?: string
  /** What is known beyond that line. */
  readonly details?: string
  readonly skipped?: string
  /** What a passing case has to show for itself. */
  readonly output?: string
}

/** JUnit's XML as CI systems read it: one suite, one testcase a line; ends in a line break. */
export function junit(suite: string, cases: readonly JunitCase[]): string {
  const count = (key: 'failure' | 'skipped') => cases.filter((one) => one[key] !== undefined).length
  const seconds = cases.reduce((sum, one) => sum + (one.seconds ?? 0), 0)
  const totals = attributes({
    name: suite,
    tests: String(cases.length),
    failures: String(count('failure')),
    errors: '0',
    skipped: String(count('skipped')),
    time: seconds.toFixed(3),
  })
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', `  <testsuite${totals}>`]
  for (const one of cases) lines.push(`    ${testcase(one)}`)
  return `${[...lines, '  </testsuite>', '</testsuites>'].join('\n')}\n`
}

function testcase({ classname, name, seconds, failure, details, skipped, output }: JunitCase): string {
  const head = attributes({ classname, name, ...(seconds === undefined ? {} : { time: seconds.toFixed(3) }) })
  const content = [
    ...(failure === undefined ? [] : [element('failure', failure, details)]),
    ...(skipped === undefined ? [] : [element('skipped', skipped)]),
    ...(output === undefined ? [] : [`<system-out>${escaped(output)}</system-out>`]),
  ]
  return content.length > 0 ? `<testcase${head}>${content.join('')}</testcase>` : `<testcase${head}/>`
}

const element = (name: string, message: string, text?: string): string =>
  text === undefined
    ? `<${name}${attributes({ message })}/>`
    : `<${name}${attributes({ message })}>${escaped(text)}</${name}>`

const attributes = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join('')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** XML 1.0 has no way at all to write most control characters; what a node's output holds of them is left out. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the file
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

const escaped = (text: string): string =>
  Bun.stripANSI(text)
    .replace(forbidden, '')
    .toWellFormed()
    .replace(/[&<>"\t\n\r]/g, (character) => entities[character] ?? '')
