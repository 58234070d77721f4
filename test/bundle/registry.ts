import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeDockerArchive } from '../lab/docker-archive.ts'
import { freePort } from '../loopback.ts'
import { temporaryFolder } from './make-bundle.ts'

export type Registry = {
  /** `127.0.0.1:port`, without TLS. */
  readonly address: string
  /** Puts an image there, for one machine or, as a list, for several; returns its digest. */
  push(repository: string, tag: string, image: ImageToPush): Promise<string>
  close(): Promise<void>
}

export type ImageToPush = {
  readonly architectures: readonly ('amd64' | 'arm64')[]
  /** The bytes of a file in the image. */
  readonly content?: Uint8Array
  /** Not as a list, although there is one machine only. */
  readonly isSingle?: boolean
}

const listType = 'application/vnd.docker.distribution.manifest.list.v2+json'

/** Debian's docker-registry on 127.0.0.1, empty. */
export async function startRegistry(): Promise<Registry> {
  const folder = temporaryFolder()
  const port = await freePort()
  const config = join(folder, 'config.yml')
  writeFileSync(
    config,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${folder}/storage } }
http: { addr: 127.0.0.1:${port} }
`,
  )
  const process = Bun.spawn(['docker-registry', 'serve', config], { stdout: 'ignore', stderr: 'ignore' })
  const address = `127.0.0.1:${port}`
  await untilAnswers(`http://${address}/v2/`, process)
  return {
    address,
    async push(repository, tag, { architectures, content, isSingle }) {
      const manifests = []
      for (const architecture of architectures) {
        const own = isSingle ? tag : `${tag}-${architecture}`
        await pushOne(`${address}/${repository}:${own}`, join(folder, 'push'), { architecture, content })
        const found = await fetch(`http://${address}/v2/${repository}/manifests/${own}`, {
          headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
        })
        const digest = found.headers.get('docker-content-digest') as string
        const size = (await found.arrayBuffer()).byteLength
        if (isSingle) return digest
        const mediaType = 'application/vnd.docker.distribution.manifest.v2+json'
        manifests.push({ mediaType, size, digest, platform: { architecture, os: 'linux' } })
      }
      const put = await fetch(`http://${address}/v2/${repository}/manifests/${tag}`, {
        method: 'PUT',
        headers: { 'content-type': listType },
        body: JSON.stringify({ schemaVersion: 2, mediaType: listType, manifests }),
      })
      if (!put.ok) throw new Error(`the registry answered ${put.status}: ${await put.text()}`)
      return put.headers.get('docker-content-digest') as string
    },
    async close() {
      process.kill()
      await process.exited
    },
  }
}

type One = { readonly architecture: 'amd64' | 'arm64'; readonly content: Uint8Array | undefined }

async function pushOne(target: string, folder: string, { architecture, content }: One): Promise<void> {
  const root = join(folder, 'root')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'content'), content ?? architecture)
  const archive = join(folder, 'image.tar')
  await makeDockerArchive({ name: 'docker.io/library/any:1', root, entrypoint: ['/content'], architecture }, archive)
  const words = ['--insecure-policy', 'copy', '--quiet', '--dest-tls-verify=false']
  const copy = Bun.spawn(['skopeo', ...words, `docker-archive:${archive}`, `docker://${target}`], { stderr: 'pipe' })
  if ((await copy.exited) !== 0) throw new Error(await new Response(copy.stderr).text())
}

async function untilAnswers(url: string, process: Bun.Subprocess): Promise<void> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok) return
    if (process.exitCode !== null || tries > 600) throw new Error('docker-registry does not answer')
    await Bun.sleep(50)
  }
}
