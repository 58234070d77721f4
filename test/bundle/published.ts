import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bases, type Mirrors, sourceOf } from '../../lib/bundle/sources.ts'
import type { Wanted } from '../../lib/bundle/wanted.ts'
import { type FileServer, madeBytes } from './file-server.ts'
import { temporaryFolder } from './make-bundle.ts'

export const wanted = (piece: Partial<Wanted> & Pick<Wanted, 'name'>): Wanted => ({
  kind: 'file',
  version: '1.32.10',
  architecture: 'amd64',
  roles: [],
  nodes: ['master'],
  task: 'any',
  ...piece,
})

const machines = { amd64: 62, arm64: 183, all: 0 } as const

/** A program for that machine, by its header; the rest looks like nothing. */
export function programBytes(architecture: Wanted['architecture'], sizeBytes: number, seed: number): Uint8Array {
  const bytes = madeBytes(sizeBytes, seed)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  bytes.set([machines[architecture], 0], 18)
  return bytes
}

/** Every source of `bundle create` on one server. */
export const mirrorsAt = (url: string): Mirrors =>
  Object.fromEntries(Object.keys(bases).map((name) => [name, `${url}/${name}`]))

/** Puts a piece on the server as upstream publishes it, with its checksum; returns its own bytes. */
export async function publish(server: FileServer, piece: Wanted, sizeBytes = 40_000, seed = 1): Promise<Uint8Array> {
  const source = sourceOf(piece, mirrorsAt(server.url))
  if (!source) throw new Error(`${piece.name} is published nowhere`)
  const content = contentOf(piece, sizeBytes, seed)
  const file = source.member ? await archiveOf(source.member, content) : content
  const path = new URL(source.url).pathname
  server.files.set(path, file)
  const { checksum } = source
  if (checksum && 'url' in checksum) {
    const algorithm = checksum.url.endsWith('SHA512SUMS') || piece.name === 'keadm' ? 'sha512' : 'sha256'
    const sum = createHash(algorithm).update(file).digest('hex')
    // Kubernetes and KubeEdge publish the sum alone, others list several files.
    const isAlone = ['kubernetes', 'kubeedge', 'cri-tools'].some((name) => path.startsWith(`/${name}/`))
    const text = isAlone ? `${sum}\n` : `${'0'.repeat(sum.length)}  something-else\n${sum}  ${checksum.file}\n`
    server.files.set(new URL(checksum.url).pathname, Buffer.from(text))
  }
  return content
}

function contentOf({ kind, architecture }: Wanted, sizeBytes: number, seed: number): Uint8Array {
  if (kind === 'file') return programBytes(architecture, sizeBytes, seed)
  if (kind === 'vm-image') return Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), madeBytes(sizeBytes, seed)])
  return Buffer.from(`kind: ConfigMap # ${seed}\n`)
}

async function archiveOf(member: string, content: Uint8Array): Promise<Uint8Array> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, dirname(member)), { recursive: true })
  writeFileSync(join(folder, member), content)
  const tar = Bun.spawn(['tar', '-czf', 'all.tar.gz', member], { cwd: folder })
  if ((await tar.exited) !== 0) throw new Error('tar failed')
  return readFileSync(join(folder, 'all.tar.gz'))
}

/** A tar as `os-packages` are. */
export async function makePackages(path: string, architecture = 'amd64'): Promise<void> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, `any_1.0_${architecture}.deb`), path)
  mkdirSync(dirname(path), { recursive: true })
  const tar = Bun.spawn(['tar', '-cf', path, `any_1.0_${architecture}.deb`], { cwd: folder })
  if ((await tar.exited) !== 0) throw new Error('tar failed')
}
