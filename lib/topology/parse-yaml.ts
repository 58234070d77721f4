import { Composer, type Document, Lexer, Parser, YAMLParseError } from 'yaml'

/** Deeper than any lab, shallower than what the parser's stack and its patience can take. */
const deepest = 64

/** Some 10,000 nodes with all that can be said of one. */
const mostTokens = 600_000

/** Where a text goes beyond what a lab can be, and how. */
export type Excess = { readonly offset: number; readonly what: 'nested too deeply' | 'too large for a lab' }

/**
 * The one document of a YAML text, its mistakes in `errors`; a second document is one of them. The parser itself would follow
 * a text of nothing but brackets to its end, which takes a minute: here it is given up at the first one too many.
 */
export function parseYaml(text: string): Document | Excess {
  let excess: Excess | undefined
  const parser = new Parser()

  function* tokens() {
    let count = 0
    for (const lexeme of new Lexer().lex(text)) {
      yield* parser.next(lexeme)
      count += 1
      if (parser.stack.length <= deepest && count <= mostTokens) continue
      excess = { offset: parser.offset, what: count > mostTokens ? 'too large for a lab' : 'nested too deeply' }
      return
    }
    yield* parser.end()
  }

  // The library looks for keys that stand twice in quadratic time.
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'error' })
  let document: Document | undefined
  for (const composed of composer.compose(tokens(), true, text.length)) {
    if (excess) return excess
    if (!document) document = composed
    else {
      const [start, end] = composed.range
      document.errors.push(new YAMLParseError([start, end], 'MULTIPLE_DOCS', 'a second document'))
      break
    }
  }
  return excess ?? (document as Document)
}
