import { afterAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeDockerArchive } from './docker-archive.ts'
import { $ } from './shell.ts'

const folder = await mkdtemp(join(tmpdir(), 'kedge-archive-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const member = async (archive: string, name: string) => (await $`tar -xOf ${archive} ${name}`).stdout

async function rootWith(name: string, changedAt: number): Promise<string> {
  const root = join(folder, name)
  await mkdir(join(root, 'usr/bin'), { recursive: true })
  await writeFile(join(root, 'usr/bin/tool'), '#!/bin/sh\n', { mode: 0o755 })
  await utimes(join(root, 'usr/bin/tool'), changedAt, changedAt)
  return root
}

test('names the image, and its config names the layer by the digest of what is in the layer', async () => {
  const archive = join(folder, 'one.tar')
  const root = await rootWith('one', 1000)
  await makeDockerArchive({ name: 'docker.io/kubeedge/tool:v1', root, entrypoint: ['/usr/bin/tool'] }, archive)

  const [manifest] = JSON.parse(await member(archive, 'manifest.json'))
  expect(manifest.RepoTags).toEqual(['docker.io/kubeedge/tool:v1'])
  const configText = await member(archive, manifest.Config)
  expect(manifest.Config).toBe(`${createHash('sha256').update(configText).digest('hex')}.json`)
  const config = JSON.parse(configText)
  expect(config.config.Entrypoint).toEqual(['/usr/bin/tool'])
  const layer = await $`tar -xOf ${archive} ${manifest.Layers[0]} | sha256sum`
  expect(config.rootfs.diff_ids).toEqual([`sha256:${layer.stdout.split(' ')[0]}`])
})

test('the same folder gives the same bytes, whenever its files were touched', async () => {
  const bytes = async (name: string, changedAt: number) => {
    const archive = join(folder, `${name}.tar`)
    await makeDockerArchive({ name: 'docker.io/kubeedge/tool:v1', root: await rootWith(name, changedAt) }, archive)
    return await readFile(archive)
  }
  expect((await bytes('early', 1000)).equals(await bytes('late', 2000))).toBe(true)
})
