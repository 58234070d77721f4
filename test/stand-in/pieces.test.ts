import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { pauseProgram } from '../lab/stand-in/pause-program.ts'
import { type StandInPieces, standInPieces } from '../lab/stand-in/pieces.ts'

const folder = `/tmp/kedge-stand-in-pieces-${process.pid}`
let pieces: StandInPieces
beforeAll(async () => {
  pieces = await standInPieces(folder, { kubernetes: 'v1.30.7', kubeedge: '1.21.2' })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a bundle’s worth of files, images and manifests, by their full names', () => {
  expect(pieces.files.map(({ name }) => name)).toEqual(['kubeadm', 'kubelet', 'kubectl', 'crictl', 'keadm'])
  expect(pieces.manifests.map(({ name }) => name)).toEqual(['pod-network'])
  const roles = Object.fromEntries(pieces.images.map(({ name, roles }) => [name, roles]))
  expect(roles['registry.k8s.io/pause:3.9']).toEqual([])
  expect(roles['registry.k8s.io/kube-apiserver:v1.30.7']).toEqual(['control-plane'])
  expect(roles['docker.io/kubeedge/installation-package:v1.21.2']).toEqual(['edge'])
  for (const { path } of pieces.files) expect(statSync(path).mode & 0o111).toBe(0o111)
})

test('every image that kubeadm lists is a piece', async () => {
  const path = pieces.files.find(({ name }) => name === 'kubeadm')?.path as string
  const env = { KEDGE_STANDIN_ROOT: `${folder}/root`, PATH: '/usr/bin:/bin' }
  const listed = Bun.spawnSync([path, 'config', 'images', 'list', '--kubernetes-version', '1.30.7'], { env })
  const names = listed.stdout.toString().trim().split('\n')
  expect(names).toHaveLength(7)
  const known = new Set(pieces.images.map(({ name }) => name))
  expect(names.filter((name) => !known.has(name))).toEqual([])
})

test('each program says that it is a stand-in, and its version in the real one’s shape', () => {
  const env = { KEDGE_STANDIN_ROOT: `${folder}/root`, PATH: '/usr/bin:/bin' }
  const said = Object.fromEntries(
    [
      ['kubeadm', 'version', '-o', 'short'],
      ['kubelet', '--version'],
      ['kubectl', 'version', '--client'],
      ['keadm', 'version', '-o', 'short'],
      ['crictl', '--version'],
    ].map(([name, ...words]) => {
      const ran = Bun.spawnSync([`${folder}/files/${name}`, ...words], { env })
      expect(ran.stderr.toString()).toStartWith(`[stand-in] ${name} `)
      return [name as string, ran.stdout.toString().trim()]
    }),
  )
  expect(said).toEqual({
    kubeadm: 'v1.30.7',
    kubelet: 'Kubernetes v1.30.7',
    kubectl: 'Client Version: v1.30.7',
    keadm: 'v1.21.2',
    crictl: 'crictl version v1.30.7',
  })
})

test('keadm’s lines name their places in the source of the release that it plays', () => {
  const env = { KEDGE_STANDIN_ROOT: `${folder}/root`, PATH: '/usr/bin:/bin' }
  const keadm = (...words: readonly string[]) =>
    Bun.spawnSync([`${folder}/files/keadm`, ...words], { env }).stderr.toString()
  mkdirSync(`${folder}/root/etc/kubeedge/config`, { recursive: true })
  const refused = keadm('join', '--cloudcore-ipport=127.0.0.1:10000').trim().split('\n').slice(1)
  const line = (rest: string) => expect.stringMatching(new RegExp(`^I\\d{4} [0-9:.]{15} +\\d+ ${rest}$`))
  expect(refused).toEqual([
    line('join.go:73] 1. Check KubeEdge edgecore process status'),
    line('join.go:82] 2. Check if the management directory is clean'),
    'Error: the management directory /etc/kubeedge/ is not clean, please remove it first',
  ])
  const places = (text: string) => [...(text.match(/\w+\.go:\d+(?=\])/g) ?? [])]
  const numbers = [84, 87, 99, 103, 107, 123]
  expect(places(keadm('reset', 'edge', '--force'))).toEqual(numbers.map((number) => `reset_others.go:${number}`))
})

test('the pause program is a program that waits', async () => {
  const path = `${folder}/images/registry.k8s.io_pause_3.9/pause`
  const machine = new DataView(pauseProgram('arm64').buffer).getUint16(18, true)
  expect(machine).toBe(183)
  if (process.arch !== 'x64') return
  const child = Bun.spawn([path])
  await Bun.sleep(50)
  expect(child.exitCode).toBeNull()
  child.kill()
  expect(await child.exited).not.toBe(0)
})
