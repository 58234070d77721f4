import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import type { Host } from '../host/host.ts'
import { readSmallFile } from '../host/read-small-file.ts'
import type { LocatedPiece } from './bundle.ts'
import { manifestName, manifestText, type Piece, parseManifest } from './manifest.ts'
import { pathInFolder, sumOf } from './work-folder.ts'

type Place = { readonly folder: string; readonly host: Host }

/**
 * Makes a folder a bundle of these pieces. Those that lie in `workFolder` are moved, others copied and their sums checked. The
 * manifest comes last, so that at any moment what it lists is there; then goes what only the manifest before listed.
 */
export async function writeBundleFolder(
  pieces: readonly LocatedPiece[],
  workFolder: string,
  { folder, host }: Place,
): Promise<void> {
  const before = listed(folder)
  const placed = new Map<string, string>()
  for (const piece of pieces) {
    if (placed.has(piece.sha256)) continue
    placed.set(piece.sha256, await place(piece, { folder, host }, { before, workFolder }))
  }
  const entries = pieces.map((piece) => ({ ...piece, path: placed.get(piece.sha256) as string }))
  await host.write(join(folder, manifestName), manifestText(entries))
  const kept = new Set(placed.values())
  for (const { path } of before) if (!kept.has(path)) forget(folder, path)
}

type Known = { readonly before: readonly Piece[]; readonly workFolder: string }

/** Returns where the piece lies in the folder. A name that another content has stays that one's. */
async function place(piece: LocatedPiece, { folder, host }: Place, { before, workFolder }: Known): Promise<string> {
  const there = before.find(({ sha256 }) => sha256 === piece.sha256)
  if (there && resolve(folder, there.path) === piece.path) return there.path
  if (piece.path.startsWith(`${folder}/`)) return relative(folder, piece.path)
  const wished = pathInFolder(piece)
  const inTheWay = existsSync(join(folder, wished)) && (await sumOf(join(folder, wished))).sha256 !== piece.sha256
  const path = inTheWay ? `${wished}-${piece.sha256.slice(0, 8)}` : wished
  const target = join(folder, path)
  mkdirSync(dirname(target), { recursive: true })
  const { offset, sizeBytes, sha256 } = piece
  if (piece.path.startsWith(`${workFolder}/`)) renameSync(piece.path, target)
  else await host.put(piece.path, target, { sha256, ...(offset === undefined ? {} : { range: { offset, sizeBytes } }) })
  return path
}

/** What the manifest that is there lists; nothing where there is none, or no whole one. */
function listed(folder: string): readonly Piece[] {
  const read = readSmallFile(join(folder, manifestName))
  try {
    return 'text' in read ? parseManifest(read.text, manifestName) : []
  } catch {
    return []
  }
}

function forget(folder: string, path: string): void {
  rmSync(join(folder, path), { force: true })
  for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
    if (!existsSync(join(folder, parent))) continue
    if (readdirSync(join(folder, parent)).length > 0) return
    rmdirSync(join(folder, parent))
  }
}
