import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { TaskError } from '../event/failure.ts'
import type { Host, HostBinding, PutOptions } from './host.ts'
import { isSecret, reveal } from './secret.ts'
import { isSystemError } from './system-error.ts'

type Files = Pick<Host, 'read' | 'write' | 'put'>

/** Files of this machine; relative paths start in the binding's folder. */
export function createLocalFiles({ signal, onOutput, cwd = '.' }: HostBinding): Files {
  return {
    async read(path) {
      signal.throwIfAborted()
      try {
        return await readFile(resolve(cwd, path), 'utf8')
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
        throw fileFailure(error)
      }
    },
    async write(path, content, { mode = isSecret(content) ? 0o600 : 0o644 } = {}) {
      signal.throwIfAborted()
      onOutput('command', `write ${path}`)
      const folderMode = isSecret(content) ? 0o700 : 0o777
      await replace(resolve(cwd, path), { mode, folderMode }, async (file) => {
        await file.writeFile(isSecret(content) ? reveal(content) : content)
      })
    },
    async put(localPath, path, { mode = 0o644, range, sha256, onProgress } = {}) {
      signal.throwIfAborted()
      onOutput('command', `put ${path}`)
      const source = resolve(cwd, localPath)
      const total = range?.sizeBytes ?? (await stat(source).catch(rethrow)).size
      await replace(resolve(cwd, path), { mode, folderMode: 0o777 }, async (file) => {
        const hash = createHash('sha256')
        let sent = 0
        for await (const chunk of readPart(source, range, 1024 * 1024)) {
          signal.throwIfAborted()
          await file.writeFile(chunk)
          if (sha256 !== undefined) hash.update(chunk)
          sent += chunk.length
          onProgress?.(sent, total)
        }
        if (range && sent !== total) throw cutOff(localPath, range)
        const found = sha256 === undefined ? undefined : hash.digest('hex')
        if (found !== sha256) throw damaged(localPath, sha256, found)
      })
    },
  }
}

/** A local file, or the part of it that a put names, as a stream. */
export const readPart = (path: string, range: PutOptions['range'], highWaterMark: number): Readable =>
  range?.sizeBytes === 0
    ? Readable.from([])
    : createReadStream(path, {
        highWaterMark,
        ...(range ? { start: range.offset, end: range.offset + range.sizeBytes - 1 } : {}),
      })

/** A file that ends before the part of it that was to be copied does. */
export const cutOff = (path: string, { offset, sizeBytes }: NonNullable<PutOptions['range']>): TaskError =>
  new TaskError({
    kind: 'bundle',
    message: `${path} is cut off: it ends before byte ${offset + sizeBytes}`,
    cure: 'kedge bundle verify names what is damaged',
  })

/** A copy whose sum is not what the bundle's manifest says. */
export const damaged = (path: string, expected: string | undefined, found: string | undefined): TaskError =>
  new TaskError({
    kind: 'bundle',
    message: `${path} arrived with sha256 ${found}, not ${expected}`,
    cure: 'kedge bundle verify names what is damaged',
  })

type Modes = { readonly mode: number; readonly folderMode: number }

async function replace(
  path: string,
  { mode, folderMode }: Modes,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const owner = createHash('sha256').update(path).digest('hex').slice(0, 6)
  const aside = join(dirname(path), `.kedge-${owner}${randomBytes(3).toString('hex')}`)
  try {
    await mkdir(dirname(path), { recursive: true, mode: folderMode })
    await removeForsaken(dirname(path), `.kedge-${owner}`)
    const file = await open(aside, 'wx', 0o600)
    try {
      await file.chmod(mode)
      await fill(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw fileFailure(error)
  }
}

/** What a kedge that was killed had half-written of the same file: such files are older than this process. */
async function removeForsaken(folder: string, prefix: string): Promise<void> {
  const began = Date.now() - process.uptime() * 1000
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue
    const path = join(folder, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (mtimeMs < began) await rm(path, { force: true })
  }
}

const fileFailure = (error: unknown): unknown =>
  isSystemError(error)
    ? new TaskError({ kind: 'command', message: error.message, host: 'hypervisor' }, { cause: error })
    : error

function rethrow(error: unknown): never {
  throw fileFailure(error)
}
