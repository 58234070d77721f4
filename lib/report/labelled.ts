import { widthOf, wrap } from './fit.ts'

/** Texts beside a label, which stands on the first line; continued under each other. */
export function labelled(label: string, texts: readonly string[], width: number | undefined): readonly string[] {
  const indent = ' '.repeat(widthOf(label))
  const room = width === undefined ? undefined : Math.max(16, width - indent.length)
  return texts.flatMap((text) => wrap(text, room)).map((line, at) => `${at === 0 ? label : indent}${line}`.trimEnd())
}
