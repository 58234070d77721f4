import { describe, expect, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { type Verdict, verifyBundle } from '../../lib/bundle/verify-bundle.ts'
import { wantedPieces } from '../../lib/bundle/wanted.ts'
import { manifestOfFile, writeBundleFile } from '../../lib/bundle/write-bundle-file.ts'
import type { Topology } from '../../lib/topology/topology.ts'
import { loadLab } from '../tasks/context.ts'
import { temporaryFolder } from './make-bundle.ts'
import { archiveOf, bundleFor, type MadePiece, podNetwork, programOf, tarOf } from './make-pieces.ts'

/** Four VMs and a Pi of arm64; edge-2 runs CRI-O. */
const lab = loadLab((text) => text.replace('{ role: edge, ssh', '{ role: edge, architecture: arm64, ssh'))

const verify = (place: string, topology: Topology = lab): Promise<Verdict> =>
  verifyBundle(place, wantedPieces(topology), topology)

const faultsOf = async (place: string, topology?: Topology) =>
  (await verify(place, topology)).faults.map(({ fault, name, architecture, message }) =>
    [fault, name, architecture, message.replaceAll(place, '…')].join(' | '),
  )

/** As one file, which has to be judged as its folder is. */
async function asFile(folder: string): Promise<string> {
  const { pieces } = openBundle(folder)
  const path = join(temporaryFolder(), 'kedge.bundle')
  await writeBundleFile(pieces, manifestOfFile(pieces), path)
  return path
}

const without = (...names: readonly string[]) =>
  bundleFor(lab, (piece) => (names.includes(piece.name) ? undefined : piece))
const changed = (name: string, change: Partial<MadePiece>) =>
  bundleFor(lab, (piece) => (piece.name === name && piece.architecture !== 'arm64' ? { ...piece, ...change } : piece))

test('a bundle with all that is wanted has no fault, as a folder and as a file', async () => {
  const folder = bundleFor(lab)
  const verdict = await verify(folder)
  expect(verdict.faults).toEqual([])
  expect(verdict.pieces).toBe(wantedPieces(lab).length)
  expect(await verify(await asFile(folder))).toEqual(verdict)
})

describe('what is missing is named with who needs it', () => {
  test.each([
    ['keadm', ['master, edge-1, edge-2 need it for install-cloudcore', 'pi needs it for install-edgecore']],
    ['kubelet', ['master, worker need it for install-kubernetes']],
    ['containerd', ['master, worker, edge-1 need it for install-runtime', 'pi needs it for install-runtime']],
    ['cri-o', ['edge-2 needs it for install-runtime']],
    ['base', ['master, worker, edge-1, edge-2 need it for create-vms']],
    ['pod-network', ['master needs it for install-network']],
    ['registry.k8s.io/kube-apiserver:v1.32.10', ['master needs it for load-images']],
    [
      'docker.io/kubeedge/installation-package:v1.23.1',
      ['edge-1, edge-2 need it', 'pi needs it for load-kubeedge-images'],
    ],
  ])('%s', async (name, who) => {
    const faults = await faultsOf(without(name))
    expect(faults).toHaveLength(who.length)
    for (const [index, text] of who.entries()) {
      expect(faults[index]).toStartWith(`missing | ${name} | `)
      expect(faults[index]).toContain(text)
    }
  })

  test('all at once', async () => {
    const wanted = wantedPieces(lab)
    const verdict = await verify(bundleFor(lab, () => undefined))
    expect(verdict.faults.map(({ name, architecture }) => `${name} ${architecture}`)).toEqual(
      wanted.map(({ name, architecture }) => `${name} ${architecture}`),
    )
  })

  test('a piece for another architecture only', async () => {
    const folder = bundleFor(lab, (piece) =>
      piece.name === 'keadm' && piece.architecture === 'arm64' ? undefined : piece,
    )
    expect(await faultsOf(folder)).toEqual([
      'missing | keadm | arm64 | there for amd64 only: pi needs it for install-edgecore',
    ])
  })

  test('an image that is not for the role of a node that runs it', async () => {
    const proxy = 'registry.k8s.io/kube-proxy:v1.32.10'
    expect(await faultsOf(changed(proxy, { roles: ['control-plane'] }))).toEqual([
      `missing | ${proxy} | amd64 | there for amd64 and the roles control-plane only: worker needs it for load-images`,
    ])
  })

  test('an image that the pod network of this bundle names; those that another release would name are not asked for', async () => {
    const content = podNetwork('docker.io/flannel/flannel:v0.25.1', 'quay.io/other/cni')
    const folder = changed('pod-network', { content })
    expect(await faultsOf(folder)).toEqual([
      'missing | docker.io/flannel/flannel:v0.25.1 | amd64 | master, worker need it for install-network',
      'missing | quay.io/other/cni:latest | amd64 | master, worker need it for install-network',
    ])
  })
})

describe('what may differ', () => {
  test.each([
    ['etcd of another patch release', 'registry.k8s.io/etcd:3.5.16-0', 'registry.k8s.io/etcd:3.5.24-0'],
    [
      'the older iptables manager',
      'docker.io/kubeedge/iptables-manager-nft:v1.23.1',
      'docker.io/kubeedge/iptables-manager:v1.23.1',
    ],
  ])('%s', async (_, name, other) => {
    const folder = changed(name, { name: other, content: archiveOf(other, 'amd64') })
    expect(await faultsOf(folder)).toEqual([])
  })

  test('another tag of what has to be of one version is missing', async () => {
    const name = 'docker.io/kubeedge/cloudcore:v1.23.1'
    const other = 'docker.io/kubeedge/cloudcore:v1.22.0'
    const folder = changed(name, { name: other, content: archiveOf(other, 'amd64') })
    expect(await faultsOf(folder)).toEqual([`missing | ${name} | amd64 | master needs it for load-kubeedge-images`])
  })
})

describe('what is there and not right', () => {
  test('damaged, cut short and absent pieces, each by its name', async () => {
    const folder = bundleFor(lab)
    const path = (name: string) => openBundle(folder).asset(name, 'amd64').path
    const [kubeadm, kubelet, kubectl] = [path('kubeadm'), path('kubelet'), path('kubectl')] as [string, string, string]
    const bytes = readFileSync(kubeadm)
    bytes[40] = 1
    writeFileSync(kubeadm, bytes)
    writeFileSync(kubelet, 'short')
    rmSync(kubectl)
    const faults = await faultsOf(folder)
    expect(faults).toHaveLength(3)
    expect(faults.join('\n')).toMatch(
      /^damaged \| kubelet \| amd64 \| kubelet: …\/file\/\d+ has 5 bytes, the manifest says 64$/m,
    )
    expect(faults.join('\n')).toMatch(/^damaged \| kubectl \| amd64 \| kubectl: …\/file\/\d+ is missing$/m)
    expect(faults.join('\n')).toMatch(/^damaged \| kubeadm \| amd64 \| …\/file\/\d+ is not what its sha256 says/m)
  })

  test('a damaged piece within a file', async () => {
    const path = await asFile(bundleFor(lab))
    const bytes = readFileSync(path)
    const at = (openBundle(path).asset('kubeadm', 'amd64').offset as number) + 40
    bytes[at] = 1
    writeFileSync(path, bytes)
    // The same bytes are kubelet's, kubectl's, crictl's and keadm's: a content is stored once.
    const faults = await verify(path)
    expect(new Set(faults.faults.map(({ fault }) => fault))).toEqual(new Set(['damaged']))
    expect(faults.faults.map(({ name }) => name)).toContain('kubeadm')
  })

  test.each([
    [
      'a program for another machine',
      'kubeadm',
      { content: programOf('arm64') },
      'it is said to be for amd64, and is for arm64',
    ],
    [
      'a program for a machine that kedge does not know',
      'kubeadm',
      { content: programOf('riscv') },
      /^it is a program for ELF machine 243$/,
    ],
    [
      'an image for another machine',
      'registry.k8s.io/pause:3.10',
      { content: archiveOf('registry.k8s.io/pause:3.10', 'arm64') },
      'it is said to be for amd64, and is for arm64',
    ],
    [
      'packages for another machine',
      'cri-o',
      { content: tarOf({ 'cri-o_1_arm64.deb': '' }) },
      'it is said to be for amd64, and is for arm64',
    ],
    ['a VM image that is none', 'base', { content: 'a text' }, 'it is no qcow2 image'],
  ])('%s', async (_, name, change, message) => {
    const folder = changed(name, change as Partial<MadePiece>)
    for (const place of [folder, await asFile(folder)]) {
      const { faults } = await verify(place)
      expect(faults).toHaveLength(1)
      expect(faults[0]).toMatchObject({ fault: 'architecture', name })
      expect(faults[0]?.message).toMatch(message)
    }
  })

  test('an image that would be imported under another name', async () => {
    const name = 'registry.k8s.io/pause:3.10'
    const folder = changed(name, { content: archiveOf('k8s.gcr.io/pause:3.10', 'amd64') })
    expect(await faultsOf(folder)).toEqual([
      `name | ${name} | amd64 | the archive holds k8s.gcr.io/pause:3.10, and would be imported as that`,
    ])
  })

  test('a program of another version than the lab is of', async () => {
    expect(await faultsOf(changed('kubeadm', { version: '1.31.0' }))).toEqual([
      'version | kubeadm | amd64 | it is version 1.31.0, and the lab wants 1.32.10',
    ])
  })
})

test('it can be stopped, and tells how far it is', async () => {
  const folder = bundleFor(lab)
  const wanted = wantedPieces(lab)
  const stop = AbortSignal.abort()
  const error = await verifyBundle(folder, wanted, lab, { signal: stop }).catch((thrown) => thrown)
  expect(error.name).toBe('AbortError')
  const seen: [number, number][] = []
  const { sizeBytes } = await verifyBundle(folder, wanted, lab, { onProgress: (...both) => seen.push(both) })
  expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1] as number)
  expect(seen.at(-1)?.[1]).toBeGreaterThanOrEqual(sizeBytes)
})
