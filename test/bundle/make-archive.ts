import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryFolder } from './make-bundle.ts'

export type Deb = {
  readonly name: string
  readonly version: string
  readonly architecture?: string
  /** Further fields, `Depends: …`. */
  readonly fields?: readonly string[]
  /** Files by path, without the leading slash. */
  readonly files?: Readonly<Record<string, string>>
  /** Maintainer scripts and lists by name. */
  readonly control?: Readonly<Record<string, string>>
}

export async function run(words: readonly string[], cwd?: string): Promise<string> {
  const child = Bun.spawn([...words], { stdout: 'pipe', stderr: 'pipe', ...(cwd ? { cwd } : {}) })
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${words.join(' ')}: ${error}`)
  return out
}

/** Real packages, by dpkg-deb; returns their folder. */
export async function makeDebs(debs: readonly Deb[], folder: string = temporaryFolder()): Promise<string> {
  await Promise.all(
    debs.map(async ({ name, version, architecture = 'amd64', fields = [], files = {}, control = {} }) => {
      const tree = temporaryFolder()
      const stanza = [`Package: ${name}`, `Version: ${version}`, `Architecture: ${architecture}`, ...fields]
      const text = `${[...stanza, 'Maintainer: test', 'Description: test', ''].join('\n')}`
      const scripts = Object.entries(control).map(([path, script]) => [`DEBIAN/${path}`, script] as const)
      for (const [path, content] of [['DEBIAN/control', text] as const, ...scripts, ...Object.entries(files)]) {
        mkdirSync(join(tree, dirname(path)), { recursive: true })
        writeFileSync(join(tree, path), content, { mode: /^DEBIAN\/p/.test(path) ? 0o755 : 0o644 })
      }
      const file = `${name}_${version.replace(':', '%3a')}_${architecture}.deb`
      await run(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, join(folder, file)])
    }),
  )
  return folder
}

/** Files of an archive with one suite by path below its address: what `deb URL bookworm main` reads. Nobody signs it. */
export async function makeArchive(debs: readonly Deb[], architecture = 'amd64'): Promise<Map<string, Uint8Array>> {
  const root = temporaryFolder()
  mkdirSync(join(root, 'pool'))
  await makeDebs(debs, join(root, 'pool'))
  const lists = join(root, `dists/bookworm/main/binary-${architecture}`)
  mkdirSync(lists, { recursive: true })
  writeFileSync(join(lists, 'Packages'), await run(['apt-ftparchive', 'packages', 'pool'], root))
  const fields = ['Codename=bookworm', `Architectures=${architecture}`, 'Components=main']
  const options = fields.flatMap((field) => ['-o', `APT::FTPArchive::Release::${field}`])
  const release = await run(['apt-ftparchive', ...options, 'release', 'dists/bookworm'], root)
  writeFileSync(join(root, 'dists/bookworm/Release'), release)
  const paths = (readdirSync(root, { recursive: true }) as string[]).filter((path) =>
    statSync(join(root, path)).isFile(),
  )
  return new Map(paths.map((path) => [path, readFileSync(join(root, path))]))
}

/** dpkg's account of packages that are installed. */
export const statusOf = (debs: readonly Deb[]): string =>
  debs
    .map(({ name, version, architecture = 'amd64', fields = [] }) =>
      [
        `Package: ${name}`,
        'Status: install ok installed',
        'Maintainer: test',
        `Architecture: ${architecture}`,
        `Version: ${version}`,
        ...fields,
        'Description: test',
        '',
      ].join('\n'),
    )
    .join('\n')

/** A VM image's disk with these files in its second, larger partition; `fileSystem` is a word of mke2fs. */
export async function makeImage(files: Readonly<Record<string, string>>, path: string, fileSystem = 'ext4') {
  const tree = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(tree, dirname(name)), { recursive: true })
    writeFileSync(join(tree, name), text)
  }
  const disk = join(temporaryFolder(), 'disk')
  const MiB = 2 ** 20
  await run(['truncate', '-s', String(16 * MiB), disk])
  const table = 'label: gpt\nstart=2048, size=2048\nstart=4096, size=24576\n'
  await run(['bash', '-c', `printf '${table}' | sfdisk --quiet ${disk}`])
  if (fileSystem !== 'none')
    await run(['mke2fs', '-q', '-t', fileSystem, '-d', tree, '-E', `offset=${2 * MiB}`, disk, '12288k'])
  mkdirSync(dirname(path), { recursive: true })
  await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', disk, path])
}
