import { existsSync, rmSync } from 'node:fs'
import { TaskError } from '../event/failure.ts'
import { architectureIn } from './architecture-in.ts'
import type { LocatedPiece } from './bundle.ts'
import type { Checksum } from './checksum.ts'
import { download } from './download.ts'
import type { Means } from './fetchers.ts'
import { expectedSum, type Source, sourceOf } from './sources.ts'
import type { Wanted } from './wanted.ts'
import { fetchText } from './web.ts'

/** Fetches a program, a manifest or a VM image from where it is published, or the mirror of that. */
export async function fetchFromWeb(wanted: Wanted, means: Means): Promise<LocatedPiece> {
  const source = sourceOf(wanted, means.mirrors)
  if (!source) throw noSource(wanted)
  const { work, web, signal } = means
  const fetched = work.aside(wanted, source.member ? '.tar.gz' : '.whole')
  if (!existsSync(fetched)) {
    const checksum = means.pins(wanted) ?? (await publishedSum(source, means))
    const { url } = source
    const onProgress = (done: number, total: number | undefined) => means.onProgress(wanted, done, total)
    const growing = { url, path: fetched, part: work.aside(wanted), onProgress }
    await download(checksum ? { ...growing, checksum } : growing, web, signal)
  }
  const piece = source.member ? await extractMember(wanted, fetched, source.member, means) : fetched
  refuseWrongArchitecture(wanted, piece, source.url)
  const kept = await work.keep(wanted, piece, { source: source.url })
  rmSync(fetched, { force: true })
  return kept
}

const noSource = ({ name, kind }: Wanted) =>
  new TaskError({
    kind: 'bundle',
    message: `kedge knows of no place where ${kind} ${name} is published`,
    cure: `put a file of that name into a folder and give it with --from`,
  })

async function publishedSum(source: Source, { web, signal }: Means): Promise<Checksum | undefined> {
  const found = await expectedSum(source, (url) => fetchText(url, web, signal))
  if (!source.checksum || found) return found
  const place = 'hex' in source.checksum ? '' : source.checksum.url
  throw new TaskError({ kind: 'bundle', message: `${place} has no checksum for ${source.url}` })
}

/** Unpacks one file of a .tar.gz; returns where it lies now. */
export async function extractMember(
  wanted: Wanted,
  archive: string,
  member: string,
  { $, work }: Pick<Means, '$' | 'work'>,
): Promise<string> {
  const unpacked = work.aside(wanted, '.member')
  const { exitCode, stderr } =
    await $`tar --extract --gzip --to-stdout --file ${archive} -- ${member} > ${unpacked}`.nothrow()
  if (exitCode === 0) return unpacked
  rmSync(unpacked, { force: true })
  const why = stderr.trim().split('\n')[0] ?? ''
  throw new TaskError({ kind: 'bundle', message: `${archive}: ${member} cannot be unpacked: ${why}` })
}

/** What is published, or mirrored, under the wrong name is found here and not on a node. */
function refuseWrongArchitecture(wanted: Wanted, path: string, source: string): void {
  const found = architectureIn(path, wanted.kind)
  if (found === 'unknown' || found === wanted.architecture) return
  rmSync(path, { force: true })
  const what = typeof found === 'string' ? `for ${found}` : found.other
  throw new TaskError({
    kind: 'bundle',
    message: `${source} is ${what}, not ${wanted.name} for ${wanted.architecture}`,
  })
}
