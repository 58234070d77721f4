import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { crioConfig } from '../../lib/runtime/cri-o-config.ts'
import loadImages from '../../tasks/load-images.ts'
import { makeBundle } from '../bundle/make-bundle.ts'
import { failureOf, loadLab, sceneOn } from './context.ts'
import { allPieces, changesOf, delivered, labPieces, noPieces, pauseImage } from './lab-bundle.ts'

const edgeImage = 'docker.io/kubeedge/installation-package:v1.23.1'
const names = (images: readonly string[]) => images.map((image) => `${image}\n`).join('')
const containerd = (present: readonly string[], ...more: Rule[]): Rule[] => [
  ['ctr -n k8s.io images ls -q', () => names(present)],
  ...more,
]

test.each([
  [
    'master',
    [
      pauseImage,
      'registry.k8s.io/kube-apiserver:v1.32.10',
      'docker.io/flannel/flannel:v0.27.0',
      'docker.io/kubeedge/iptables-manager:v1.23.1',
    ],
  ],
  ['worker', [pauseImage, 'docker.io/flannel/flannel:v0.27.0']],
  ['edge-1', [pauseImage, edgeImage]],
])('%s needs the images of its role and those of everybody, for its architecture', async (node, wanted) => {
  const { ctx } = sceneOn(node, { rules: { [node]: containerd([]) } })
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${wanted.join(', ')}` })
  const full = sceneOn(node, { rules: { [node]: containerd([...wanted, 'docker.io/library/other:1']) } })
  expect(await loadImages.check(full.ctx)).toEqual({ done: true })
})

test('a name counts whole: another tag, registry or a digest is another image', async () => {
  const near = ['registry.k8s.io/pause:3.1', 'pause:3.10', `${pauseImage}@sha256:00`, `mirror/${pauseImage}`]
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': containerd([...near, edgeImage]) } })
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}` })
})

test("each missing image is sent, imported into the CRI's namespace, and taken off the disk", async () => {
  const present = [pauseImage]
  const path = delivered(edgeImage)
  const rules = containerd(present, noPieces, [/images import/, () => `${present.push(edgeImage)}`], [/^rm/, ''])
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': rules } })
  await loadImages.run(ctx)
  expect(changesOf(steps).slice(1)).toEqual([
    `edge-1$ put ${path}`,
    `edge-1$ for archive in ${path}; do ctr -n k8s.io images import "$archive"; done`,
    `edge-1$ rm -f ${path}`,
  ])
  expect(await loadImages.check(ctx)).toEqual({ done: true })
})

test('a run that was cut off between sending and importing does not send again', async () => {
  const rules = containerd([pauseImage], allPieces, [/import|^rm/, ''])
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': rules } })
  await loadImages.run(ctx)
  expect(steps.join('\n')).not.toContain(' put ')
  expect(steps.join('\n')).toContain('images import')
})

test('an archive that carries another name than the manifest says stays pending', async () => {
  const { ctx } = sceneOn('edge-1', {
    rules: { 'edge-1': containerd([edgeImage], noPieces, [/images import|^rm/, '']) },
  })
  await loadImages.run(ctx)
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}` })
})

test('an archive that cannot be read fails, and stays for a look at it', async () => {
  const broken = { stderr: 'ctr: archive/tar: invalid tar header\n', exitCode: 1 }
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': containerd([], allPieces, [/import/, broken]) } })
  expect(await failureOf(loadImages.run(ctx))).toMatch(/^command: “for archive in .*exit code 1$/)
  expect(steps.at(-1)).not.toContain('rm')
})

test('CRI-O: names as the CRI tells them, imported under the name of the manifest', async () => {
  const images = [
    { id: 'sha256:1', repoTags: [pauseImage], repoDigests: [], size: '742092' },
    { id: 'sha256:2', repoTags: [], repoDigests: ['docker.io/library/untagged@sha256:2'] },
  ]
  const { ctx, steps } = sceneOn('edge-2', {
    files: { 'edge-2': { '/etc/crio/crio.conf.d/90-kedge.conf': crioConfig(pauseImage, 'vfs') } },
    rules: {
      'edge-2': [[/^crictl/, JSON.stringify({ images })], allPieces, [/^skopeo|^rm/, '']],
    },
  })
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${edgeImage}` })
  await loadImages.run(ctx)
  const path = delivered(edgeImage)
  expect(changesOf(steps).slice(2)).toEqual([
    `edge-2$ skopeo copy --quiet docker-archive:${path} 'containers-storage:[vfs@/var/lib/containers/storage+/run/containers/storage]${edgeImage}'`,
    `edge-2$ rm -f ${path}`,
  ])
  expect(steps[0]).toBe('edge-2$ crictl --runtime-endpoint unix:///var/run/crio/crio.sock images -o json')
})

test('CRI-O without a single image', async () => {
  for (const answer of ['{\n  "images": []\n}\n', '{}\n']) {
    const { ctx } = sceneOn('edge-2', { rules: { 'edge-2': [[/^crictl/, answer]] } })
    expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}, ${edgeImage}` })
  }
})

describe('the MQTT broker', () => {
  const broker = 'docker.io/library/eclipse-mosquitto:1.6.15'
  const topology = (mqtt: string) =>
    loadLab((text) => text.replace(/^kubeedge:.*$/m, `kubeedge: { version: 1.23.1, mqtt: ${mqtt} }`))
  const verdict = (node: string, mqtt: string, bundle?: string) =>
    loadImages.check(
      sceneOn(node, {
        topology: topology(mqtt),
        ...(bundle ? { bundle } : {}),
        rules: { [node]: [['ctr -n k8s.io images ls -q', '']] },
      }).ctx,
    )
  const withBroker = () => makeBundle([...labPieces, { name: broker, kind: 'image', roles: ['worker'] }])

  test('comes to the edges that are to run it, whatever roles the bundle names', async () => {
    const bundle = withBroker()
    expect(JSON.stringify(await verdict('edge-1', 'bundle', bundle))).toContain(broker)
    expect(JSON.stringify(await verdict('master', 'bundle', bundle))).not.toContain(broker)
    expect(JSON.stringify(await verdict('edge-1', 'none', bundle))).not.toContain(broker)
  })

  test('is missed by name in a bundle that lacks it', async () => {
    expect(await failureOf(verdict('edge-1', 'bundle'))).toBe(
      `bundle: the bundle has no image ${broker}, and the file says \`mqtt: bundle\``,
    )
    expect(await failureOf(verdict('master', 'bundle'))).toBe('no failure')
  })
})
