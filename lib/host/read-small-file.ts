import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'

const largestBytes = 64 * 1024 * 1024

/**
 * The text of a file that somebody wrote by hand or a tool listed things in, or why there is none. Never blocks: what is no
 * file (a FIFO without a writer, a device without an end) is told by its kind and not read.
 */
export function readSmallFile(path: string): { readonly text: string } | { readonly why: string } {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = fstatSync(descriptor)
    if (found.isDirectory()) return { why: 'it is a folder' }
    if (!found.isFile()) return { why: 'it is not a file but a device, a pipe or a socket' }
    if (found.size > largestBytes) return { why: `it is larger than ${largestBytes / 1024 / 1024} MiB` }
    return { text: readFileSync(descriptor, 'utf8') }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { why: reasons[code ?? ''] ?? code ?? message }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'it may not be read',
  ELOOP: 'its symbolic links go in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENXIO: 'it is not a file but a device, a pipe or a socket',
}
