/*
 * Which files may have a process that another attempt had before them. Whatever is not surely harmless has a process of its own: a word in a
 * comment is enough. What is harmless is looked at all the same when the attempt is over (child/fingerprint.ts).
 */

const importOf = /^import\s+(type\s+)?\{([^{}]*)\}\s*from\s*(['"])(zx|zx\/core|kedge)\3;?[ \t]*$/gm

/** What zx gives that keeps nothing between two attempts. */
export const sharedZxNames = ['$', 'ProcessOutput', 'ProcessPromise'] as const

/** Of what is there without an import: the language, lines of output, timers that are waited for. */
const harmlessGlobals = new Set(
  (
    'Infinity undefined NaN isNaN isFinite parseInt parseFloat escape unescape decodeURI decodeURIComponent encodeURI encodeURIComponent ' +
    'Object Array String Number Boolean BigInt Symbol Date RegExp Map Set WeakMap WeakSet Promise Iterator Math JSON Intl Reflect ' +
    'Error EvalError RangeError ReferenceError SyntaxError TypeError URIError AggregateError ArrayBuffer DataView Int8Array Uint8Array ' +
    'Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array ' +
    'console setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask'
  ).split(' '),
)

/** Ways around names: into prototypes, into code made of text, past the event loop, into another file. */
const waysAround =
  'require module exports import arguments prototype constructor __proto__ __defineGetter__ __defineSetter__ getPrototypeOf setPrototypeOf ' +
  'defineProperty defineProperties unref using eval'

let words: RegExp | undefined

/** The globals that are to be as they were after an attempt. */
export const sharedGlobals: readonly string[] = [...harmlessGlobals]

/** Whether nothing of what the file is able to do could reach the next attempt in its process. */
export function mayShareProcess(text: string): boolean {
  words ??= new RegExp(
    `(?<![\\w$])(${[...waysAround.split(' '), ...Object.getOwnPropertyNames(globalThis).filter((name) => !harmlessGlobals.has(name))].join('|')})(?![\\w$])`,
  )
  let isKnown = true
  const rest = text.replace(importOf, (_all, isType, names: string, _quote, from: string) => {
    for (const name of names.split(',').map((each) => each.trim())) {
      if (isType || name === '' || name.startsWith('type ')) continue
      isKnown &&= from === 'kedge' ? /^\w+$/.test(name) : (sharedZxNames as readonly string[]).includes(name)
    }
    return ''
  })
  return (
    isKnown &&
    !words.test(rest) &&
    !/\\u|(?<!\$)\$\s*(\.|\?\.|\[|=)/.test(rest) &&
    !/\bconsole\b(?!\.(log|error|warn|info|debug)\()/.test(rest)
  )
}
