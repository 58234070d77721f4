import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LocatedPiece } from '../../lib/bundle/bundle.ts'
import { manifestText, type Piece } from '../../lib/bundle/manifest.ts'
import { type Wanted, wantedPieces } from '../../lib/bundle/wanted.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { sha256, temporaryFolder } from './make-bundle.ts'

/** A tar of small files. */
export function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).map(([name, text]) => {
    const content = Buffer.from(text)
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write('0000644\0', 100)
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('0', 156)
    header.write('ustar\u000000', 257)
    return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** A docker-archive without layers. */
export const archiveOf = (name: string, architecture: string): Buffer =>
  tarOf({
    'manifest.json': JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: [] }]),
    'config.json': JSON.stringify({ architecture, os: 'linux' }),
  })

/** The head of a program for that machine. */
export function programOf(architecture: 'amd64' | 'arm64' | 'riscv'): Buffer {
  const head = Buffer.alloc(64, 0)
  head.write('\x7fELF', 0, 'latin1')
  head.writeUInt16LE({ amd64: 62, arm64: 183, riscv: 243 }[architecture], 18)
  return head
}

export const podNetwork = (...images: readonly string[]): string =>
  `kind: DaemonSet\nspec: { template: { spec: { containers: [${images.map((image) => `{ image: "${image}" }`).join(', ')}] } } }\n`

export type MadePiece = Omit<Piece, 'path' | 'sizeBytes' | 'sha256'> & { readonly content: string | Buffer }

/** A piece that looks inside like what it is said to be. */
export function pieceFor({ name, kind, version, architecture, roles }: Wanted): MadePiece {
  const machine = architecture === 'all' ? 'amd64' : architecture
  const contents = {
    'vm-image': () => 'QFI\xfb',
    'os-packages': () => tarOf({ [`${name}_1_${machine}.deb`]: name }),
    file: () => programOf(machine),
    image: () => archiveOf(name, machine),
    manifest: () =>
      podNetwork('ghcr.io/flannel-io/flannel:v0.27.4', 'ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1'),
  }
  const content = contents[kind]()
  return {
    name,
    kind,
    version,
    architecture,
    roles,
    source: 'test',
    content: Buffer.from(content as never, 'latin1' as never),
  }
}

/** A bundle with all that the lab wants; `change` may leave pieces out or make others of them. */
export function bundleFor(topology: Topology, change: (piece: MadePiece) => MadePiece | undefined = (piece) => piece) {
  return folderOf(wantedPieces(topology).flatMap((wanted) => change(pieceFor(wanted)) ?? []))
}

export function folderOf(made: readonly MadePiece[]): string {
  const folder = temporaryFolder()
  const pieces = made.map(({ content, ...piece }, index): LocatedPiece => {
    const path = `${piece.kind}/${index}`
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), content)
    return { ...piece, path, sizeBytes: content.length, sha256: sha256(content as never) }
  })
  writeFileSync(join(folder, 'manifest.json'), manifestText(pieces))
  return folder
}
