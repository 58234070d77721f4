import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { $ } from './shell.ts'

export type ImageSource = {
  /** Full reference, `docker.io/kubeedge/pause:3.6`. */
  readonly name: string
  /** Folder whose content becomes the image's only layer; undefined for an empty image. */
  readonly root?: string
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly architecture?: 'amd64' | 'arm64'
}

/**
 * Writes an image as `docker save` would, so that `ctr images import` and `skopeo` take it. The same folder gives the same
 * bytes: owners, times and the order of names are fixed.
 */
export async function makeDockerArchive(source: ImageSource, archive: string): Promise<void> {
  await mkdir(dirname(archive), { recursive: true })
  const aside = await mkdtemp(join(dirname(archive), '.archive-'))
  try {
    const root = source.root ?? join(aside, 'empty')
    await mkdir(root, { recursive: true })
    const layer = join(aside, 'layer.tar')
    await $`tar --create --file ${layer} --directory ${root} ${reproducible} .`
    const config = JSON.stringify({
      architecture: source.architecture ?? 'amd64',
      os: 'linux',
      created: epoch,
      config: {
        ...(source.entrypoint ? { Entrypoint: source.entrypoint } : {}),
        ...(source.command ? { Cmd: source.command } : {}),
        Env: Object.entries({ PATH: standardPath, ...source.environment }).map(([key, value]) => `${key}=${value}`),
        WorkingDir: '/',
      },
      rootfs: { type: 'layers', diff_ids: [`sha256:${await sha256Of(layer)}`] },
      history: [{ created: epoch, created_by: 'kedge lab' }],
    })
    const configName = `${createHash('sha256').update(config).digest('hex')}.json`
    await writeFile(join(aside, configName), config)
    const manifest = [{ Config: configName, RepoTags: [source.name], Layers: ['layer.tar'] }]
    await writeFile(join(aside, 'manifest.json'), JSON.stringify(manifest))
    const whole = join(aside, 'whole.tar')
    await $`tar --create --file ${whole} --directory ${aside} ${reproducible} manifest.json ${configName} layer.tar`
    await rename(whole, archive)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

const epoch = '1970-01-01T00:00:00Z'
const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const reproducible = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0', '--format=gnu']

/** Lower-case hex, of a file of any size. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
