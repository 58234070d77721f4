import { describe, expect, test } from 'bun:test'
import { means, patternsOf } from '../../../lib/task/files/pattern.ts'

const isMeant = (text: string, name: string) => patternsOf(text).some((pattern) => means(pattern, name))

describe('what a pattern means', () => {
  test.each([
    [
      'src/*.c',
      ['src/a.c', 'src/ .c', 'src/a\nb.c'],
      ['src/.c', 'src/.a.c', 'src/d/a.c', 'a.c', 'src/a.cc', 'xsrc/a.c'],
    ],
    ['*', ['a', 'a b'], ['.a', 'a/b']],
    ['src/**/*.c', ['src/a.c', 'src/d/e/a.c'], ['src/.d/a.c', 'src/d/.a.c', 'a.c']],
    ['src/**', ['src/a', 'src/d/e'], ['src', 'src/.a', 'src/.d/e', 'srcs/a']],
    ['**/a', ['a', 'd/a', 'd/e/a'], ['.d/a', 'ba']],
    ['**/.env', ['.env', 'd/.env'], ['.d/.env', 'env']],
    ['.*/x', ['.d/x'], ['d/x']],
    ['?.c', ['a.c'], ['.c', 'ab.c', '/.c']],
    ['[ab].c', ['a.c', 'b.c'], ['c.c', '[ab].c']],
    ['[!a]b', ['bb', '!b'], ['ab', '/b']],
    ['[]x]', ['[]x]'], [']', 'x']],
    ['[a', ['[a'], ['a']],
    ['a{b,c{d,e}}.h', ['ab.h', 'acd.h', 'ace.h'], ['ac.h', 'a.h']],
    ['{a}.h', ['{a}.h'], ['a.h']],
    ['{a,b', ['{a,b'], ['a', 'b']],
    ['{,lib}*.so', ['x.so', 'libx.so'], ['libx.a']],
    ['a+(b)|c.^$*', ['a+(b)|c.^$', 'a+(b)|c.^$d'], ['a+(b)|c', 'aab']],
    ['\\*.c', ['*.c'], ['a.c']],
    ['\\{a,b\\}', ['{a,b}'], ['a', 'b']],
    ['/etc/*.d', ['/etc/x.d'], ['etc/x.d', '/etc/x.d/y']],
    ['/*', ['/x'], ['x', '//x']],
    ['~/*.c', ['~/a.c'], ['a.c']],
    ['src', ['src', 'src/a', 'src/.d/a'], ['srcs', 'a/src']],
    ['src/', ['src', 'src/a'], ['srcs']],
    ['./a.c', ['a.c'], ['b.c']],
    ['../x/*.c', ['../x/a.c'], ['x/a.c']],
  ] as const)('%s', (text, meant, others) => {
    expect(meant.filter((name) => !isMeant(text, name))).toEqual([])
    expect(others.filter((name) => isMeant(text, name))).toEqual([])
  })

  test('no folder is searched deeper than it can match, and hidden ones only where a name says so', () => {
    expect(patternsOf('a/b/*/c.[ch]')).toMatchObject([{ path: 'a/b', depth: 2, meansHidden: false }])
    expect(patternsOf('/**/.x')).toMatchObject([{ path: '/', meansHidden: true }])
    expect(patternsOf('/**/.x')[0]?.depth).toBeUndefined()
    expect(patternsOf('~')).toEqual([{ path: '~', meansHidden: false }])
  })
})
