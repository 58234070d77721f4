import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pauseProgram } from './pause-program.ts'
import { podNetworkManifest } from './pod-network.ts'
import { programText, type StandInVersions, tag } from './program-text.ts'

export type StandInFile = { readonly name: string; readonly path: string; readonly version: string }
export type StandInImage = {
  /** Full reference, `docker.io/kubeedge/cloudcore:v1.23.1`. */
  readonly name: string
  readonly version: string
  /** Becomes the image's only layer. */
  readonly rootfsFolder: string
  readonly entrypoint: readonly string[]
  /** Whose nodes import it; empty means every node. */
  readonly roles: readonly ('control-plane' | 'worker' | 'edge')[]
}
export type StandInPieces = {
  readonly files: readonly StandInFile[]
  readonly images: readonly StandInImage[]
  readonly manifests: readonly StandInFile[]
}

const cloud = ['control-plane', 'worker'] as const
/** etcd, CoreDNS and pause as kubeadm of that minor version lists them; programs/kubeadm_config.py has the same table. */
const besides: Readonly<Record<number, readonly [etcd: string, coredns: string, pause: string]>> = {
  26: ['3.5.6-0', 'v1.9.3', '3.9'],
  27: ['3.5.7-0', 'v1.10.1', '3.9'],
  28: ['3.5.9-0', 'v1.10.1', '3.9'],
  29: ['3.5.10-0', 'v1.11.1', '3.9'],
  30: ['3.5.12-0', 'v1.11.1', '3.9'],
  31: ['3.5.15-0', 'v1.11.3', '3.10'],
  32: ['3.5.16-0', 'v1.11.3', '3.10'],
}

/**
 * Writes the stand-in programs, the folders of their container images and the pod network's manifest below
 * `outputFolder`, and says what is where.
 */
export async function standInPieces(
  outputFolder: string,
  versions: StandInVersions,
  architecture: 'amd64' | 'arm64' = 'amd64',
): Promise<StandInPieces> {
  const kubernetes = versions.kubernetes.replace(/^v/, '')
  const kubeedge = versions.kubeedge.replace(/^v/, '')
  const files: StandInFile[] = []
  for (const name of ['kubeadm', 'kubelet', 'kubectl', 'crictl', 'keadm']) {
    const path = join(outputFolder, 'files', name)
    await executable(path, programText(name, versions))
    files.push({ name, path, version: name === 'keadm' ? kubeedge : kubernetes })
  }
  const image = imageWriter(join(outputFolder, 'images'))
  const minor = Number(kubernetes.split('.')[1])
  const [etcd, coredns, pause] = besides[Math.min(Math.max(minor, 26), 32)] as readonly [string, string, string]
  const registry = 'registry.k8s.io'
  const marker = (program: string) => ({ [`/usr/local/bin/${program}`]: `#!/bin/sh\n# stand-in: ${program}\n` })
  const shell = Object.fromEntries(
    ['sh', 'cp', 'echo', 'sleep', 'cat', 'true', 'false'].map((name) => [`/bin/${name}`, '# stand-in\n']),
  )
  const images = [
    await image(`${registry}/pause:${pause}`, { '/pause': pauseProgram(architecture) }, ['/pause'], []),
    ...(await Promise.all(
      ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'].map((name) =>
        image(`${registry}/${name}:${tag(kubernetes)}`, marker(name), [name], ['control-plane']),
      ),
    )),
    await image(`${registry}/kube-proxy:${tag(kubernetes)}`, marker('kube-proxy'), ['kube-proxy'], cloud),
    await image(`${registry}/coredns/coredns:${coredns}`, marker('coredns'), ['coredns'], cloud),
    await image(`${registry}/etcd:${etcd}`, marker('etcd'), ['etcd'], ['control-plane']),
    await image('docker.io/flannel/flannel:v0.25.1', marker('flanneld'), ['flanneld'], cloud),
    await image(
      `docker.io/kubeedge/cloudcore:${tag(kubeedge)}`,
      { '/usr/local/bin/cloudcore': programText('cloudcore', versions) },
      ['cloudcore'],
      ['control-plane'],
    ),
    await image(
      `docker.io/kubeedge/iptables-manager:${tag(kubeedge)}`,
      marker('iptables-manager'),
      ['iptables-manager'],
      cloud,
    ),
    await image(
      `docker.io/kubeedge/installation-package:${tag(kubeedge)}`,
      { ...shell, '/usr/local/bin/edgecore': programText('edgecore', versions) },
      ['/bin/sh'],
      ['edge'],
    ),
  ]
  const network = join(outputFolder, 'manifests', 'pod-network.yaml')
  await mkdir(join(outputFolder, 'manifests'), { recursive: true })
  await writeFile(network, podNetworkManifest('docker.io/flannel/flannel:v0.25.1'))
  return { files, images, manifests: [{ name: 'pod-network', path: network, version: '0.25.1' }] }
}

/** Makes an image's folder from its files; every file is executable. */
function imageWriter(folder: string) {
  return async (
    name: string,
    content: Readonly<Record<string, string | Uint8Array>>,
    entrypoint: readonly string[],
    roles: StandInImage['roles'],
  ): Promise<StandInImage> => {
    const rootfsFolder = join(folder, name.replaceAll(/[/:]/g, '_'))
    for (const [path, data] of Object.entries(content)) await executable(join(rootfsFolder, path), data)
    return { name, version: name.slice(name.lastIndexOf(':') + 1), rootfsFolder, entrypoint, roles }
  }
}

async function executable(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  await chmod(path, 0o755)
}
