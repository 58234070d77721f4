import { createHash } from 'node:crypto'
import type { Rule } from '../../lib/host/scripted.ts'

/** sha256sum on a machine with these files; of the others it complains, and ends with 1. */
export const sumsOf = (read: (path: string) => string | Buffer | undefined): Rule => [
  /^sha256sum /,
  ({ command }) => {
    const paths = command.split(' ').filter((word) => word.startsWith('/') && word !== '/dev/null')
    const lines = paths.flatMap((path) => {
      const content = read(path)
      return content === undefined ? [] : [`${createHash('sha256').update(content).digest('hex')}  ${path}\n`]
    })
    return { stdout: lines.join(''), exitCode: lines.length === paths.length ? 0 : 1 }
  },
]
