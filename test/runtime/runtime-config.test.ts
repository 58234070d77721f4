import { describe, expect, test } from 'bun:test'
import { containerd, containerdConfig } from '../../lib/runtime/containerd.ts'
import { crio } from '../../lib/runtime/cri-o.ts'
import { crioConfig, imageIn, registriesConfig, storageOf } from '../../lib/runtime/cri-o-config.ts'
import { runtimeOf } from '../../lib/runtime/runtime.ts'
import { sandboxImage } from '../../lib/runtime/sandbox-image.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { failureOf, sceneOn } from '../tasks/context.ts'
import { expectGolden } from '../tasks/expect-golden.ts'
import { pauseImage } from '../tasks/lab-bundle.ts'

describe("containerd's file", () => {
  test('1.x: version 2, one CRI plug-in', async () => {
    const text = containerdConfig(1, pauseImage)
    await expectGolden('containerd-1.toml', text)
    expect(Bun.TOML.parse(text)).toEqual({
      version: 2,
      imports: ['/etc/containerd/conf.d/*.toml'],
      plugins: {
        'io.containerd.grpc.v1.cri': {
          sandbox_image: pauseImage,
          cni: { bin_dir: '/opt/cni/bin', conf_dir: '/etc/cni/net.d' },
          containerd: {
            runtimes: { runc: { runtime_type: 'io.containerd.runc.v2', options: { SystemdCgroup: true } } },
          },
        },
      },
    })
  })

  test('2.x: version 3, images and runtime apart', async () => {
    const text = containerdConfig(2, pauseImage)
    await expectGolden('containerd-2.toml', text)
    expect(Bun.TOML.parse(text)).toEqual({
      version: 3,
      imports: ['/etc/containerd/conf.d/*.toml'],
      plugins: {
        'io.containerd.cri.v1.images': { pinned_images: { sandbox: pauseImage } },
        'io.containerd.cri.v1.runtime': {
          cni: { bin_dir: '/opt/cni/bin', conf_dir: '/etc/cni/net.d' },
          containerd: {
            runtimes: { runc: { runtime_type: 'io.containerd.runc.v2', options: { SystemdCgroup: true } } },
          },
        },
      },
    })
  })

  test('takes the CRI plug-in back into service where a package ships it switched off', () => {
    for (const major of [1, 2]) expect(containerdConfig(major, pauseImage)).not.toContain('disabled_plugins')
  })
})

describe("CRI-O's files", () => {
  test('the drop-in: systemd, one pause image, the lab’s CNI folders, a storage that others can find', async () => {
    const text = crioConfig(pauseImage, 'overlay')
    await expectGolden('crio.conf', text)
    expect(Bun.TOML.parse(text)).toEqual({
      crio: {
        root: '/var/lib/containers/storage',
        runroot: '/run/containers/storage',
        storage_driver: 'overlay',
        clean_shutdown_file: '',
        runtime: { cgroup_manager: 'systemd', conmon_cgroup: 'system.slice' },
        image: { pause_image: pauseImage },
        network: { network_dir: '/etc/cni/net.d', plugin_dirs: ['/opt/cni/bin', '/usr/lib/cni'] },
      },
    })
  })

  test('what is imported goes where the drop-in says, under its full name', () => {
    for (const driver of ['overlay', 'vfs'] as const) {
      expect(imageIn(storageOf(crioConfig(pauseImage, driver)), pauseImage)).toBe(
        `containers-storage:[${driver}@/var/lib/containers/storage+/run/containers/storage]${pauseImage}`,
      )
    }
  })

  test('names without a registry are Docker Hub’s, as keadm and the chart write them', () => {
    expect(Bun.TOML.parse(registriesConfig)).toEqual({ 'unqualified-search-registries': ['docker.io'] })
  })
})

describe('the sandbox image', () => {
  const inBundle = (...names: string[]) =>
    sceneOn('edge-1', { bundle: makeBundle(names.map((name) => ({ name, kind: 'image' }))) }).ctx

  test.each([
    [['docker.io/library/busybox:1', 'registry.k8s.io/pause:3.10'], 'registry.k8s.io/pause:3.10'],
    [['docker.io/kubeedge/pause:3.6'], 'docker.io/kubeedge/pause:3.6'],
    [['10.0.0.1:5000/pause@sha256:00ff'], '10.0.0.1:5000/pause@sha256:00ff'],
  ])('of %j is %s', (names, image) => expect(sandboxImage(inBundle(...names))).toBe(image))

  test('is missed by name, before a sandbox fails for it with “DeadlineExceeded”', async () => {
    const ctx = inBundle('docker.io/x/pause-button:1', 'docker.io/x/unpause:1')
    expect(await failureOf(Promise.try(() => sandboxImage(ctx)))).toBe('bundle: the bundle has no pause image')
  })
})

test('each node has the runtime that the file gives it', () => {
  expect(runtimeOf(sceneOn('edge-1').ctx)).toBe(containerd)
  expect(runtimeOf(sceneOn('edge-2').ctx)).toBe(crio)
  expect(containerd.endpoint).toBe('unix:///run/containerd/containerd.sock')
  expect(crio.endpoint).toBe('unix:///var/run/crio/crio.sock')
})
