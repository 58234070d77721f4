import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import { crioConfig } from '../../lib/runtime/cri-o-config.ts'
import loadImages from '../../tasks/load-images.ts'
import { makeBundle, sha256 } from '../bundle/make-bundle.ts'
import { tarOf } from '../bundle/make-pieces.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { failureOf, sceneOn } from './context.ts'
import { allPieces, changesOf, delivered, flannelText, labPieces, noPieces, pauseImage } from './lab-bundle.ts'

const flannel = ['docker.io/flannel/flannel:v0.27.0', 'docker.io/flannel/flannel-cni-plugin:v1.7.1']
/** As containerd 1.6.20 prints it; an image that the CRI knows has its id as a second name. */
const row = (name: string, target = sha256(name)) =>
  `${name} application/vnd.docker.distribution.manifest.v2+json sha256:${target} 670.8 KiB linux/amd64 io.cri-containerd.image=managed \n`
const table = (images: readonly string[]) =>
  `REF TYPE DIGEST SIZE PLATFORMS LABELS\n${images.map((image) => row(image)).join('')}`
const dump = (sandbox = pauseImage) => containerdTells({ config: `    sandbox_image = "${sandbox}"\n` })
const containerd = (present: readonly string[], ...more: Rule[]): Rule[] => [
  ['GOMAXPROCS=1 ctr -n k8s.io images ls', () => table(present)],
  ...more,
  dump(),
]

test.each([
  ['master', [pauseImage, 'registry.k8s.io/kube-apiserver:v1.32.10', ...flannel]],
  ['worker', [pauseImage, ...flannel]],
  ['edge-1', [pauseImage]],
])(
  "%s needs the images of its role and those of everybody, for its architecture, but for KubeEdge's",
  async (node, wanted) => {
    const { ctx } = sceneOn(node, { rules: { [node]: containerd([]) } })
    expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${wanted.join(', ')}` })
    const full = sceneOn(node, { rules: { [node]: containerd([...wanted, 'docker.io/library/other:1']) } })
    expect(await loadImages.check(full.ctx)).toEqual({ done: true })
  },
)

test('a name counts whole: another tag, registry or a digest is another image', async () => {
  const near = ['registry.k8s.io/pause:3.1', 'pause:3.10', `${pauseImage}@sha256:00`, `mirror/${pauseImage}`]
  const { ctx } = sceneOn('edge-1', { rules: { 'edge-1': containerd(near) } })
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}` })
})

/** What looks and changes nothing. */
const asks = /images ls$|config dump|^\S+ cri(?:ctl|o config)/

test("each missing image is sent, imported into the CRI's namespace, and taken off the disk", async () => {
  const present: string[] = []
  const path = delivered(pauseImage)
  const rules = containerd(present, noPieces, [/images import/, () => `${present.push(pauseImage)}`], [/^rm/, ''])
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': rules } })
  await loadImages.run(ctx)
  const changes = changesOf(steps).filter((step) => !asks.test(step))
  expect(changes).toEqual([
    `edge-1$ put ${path}`,
    expect.stringMatching(/^edge-1\$ printf '%s\\0' .* images import --platform .* linux\/amd64$/),
    `edge-1$ rm -f ${path}`,
  ])
  expect(changes[1]).toContain(` ${path} ${pauseImage} `)
  expect(await loadImages.check(ctx)).toEqual({ done: true })
})

test('a run that was cut off between sending and importing does not send again', async () => {
  const rules = containerd([], allPieces, [/import|^rm/, ''])
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': rules } })
  await loadImages.run(ctx)
  expect(steps.join('\n')).not.toContain(' put ')
  expect(steps.join('\n')).toContain('images import')
})

test('an archive that carries another name than the manifest says stays pending', async () => {
  const { ctx } = sceneOn('edge-1', {
    rules: { 'edge-1': containerd([], noPieces, [/images import|^rm/, '']) },
  })
  await loadImages.run(ctx)
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}` })
})

test('an archive that cannot be read fails, and stays for a look at it', async () => {
  const broken = { stderr: `ctr: archive/tar: invalid tar header\ncannot import ${pauseImage}\n`, exitCode: 123 }
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': containerd([], allPieces, [/import/, broken]) } })
  expect(await failureOf(loadImages.run(ctx))).toMatch(/^command: “printf .*exit code 123$/)
  expect(steps.join('\n')).not.toContain('rm -f')
})

/** As CRI-O 1.28.4 prints it. */
const crioConfigOf = (sandbox = pauseImage): Rule => [
  /^crio config/,
  `# The image used to instantiate infra containers.\npause_image = "${sandbox}"\n`,
]

test('CRI-O: names as the CRI tells them, imported under the name of the manifest', async () => {
  const images = [
    { id: 'sha256:1', repoTags: ['registry.k8s.io/pause:3.1'], repoDigests: [], size: '742092' },
    { id: 'sha256:2', repoTags: [], repoDigests: ['docker.io/library/untagged@sha256:2'] },
  ]
  const { ctx, steps } = sceneOn('edge-2', {
    files: { 'edge-2': { '/etc/crio/crio.conf.d/90-kedge.conf': crioConfig(pauseImage, 'vfs') } },
    rules: {
      'edge-2': [[/^crictl/, JSON.stringify({ images })], crioConfigOf(), allPieces, [/^skopeo|^rm/, '']],
    },
  })
  expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}` })
  await loadImages.run(ctx)
  const path = delivered(pauseImage)
  expect(changesOf(steps).filter((step) => !asks.test(step))).toEqual([
    `edge-2$ skopeo copy --quiet docker-archive:${path} 'containers-storage:[vfs@/var/lib/containers/storage+/run/containers/storage]${pauseImage}'`,
    `edge-2$ rm -f ${path}`,
  ])
  expect(steps[0]).toBe('edge-2$ crictl --runtime-endpoint unix:///var/run/crio/crio.sock images -o json')
})

test('CRI-O without a single image', async () => {
  for (const answer of ['{\n  "images": []\n}\n', '{}\n']) {
    const { ctx } = sceneOn('edge-2', { rules: { 'edge-2': [[/^crictl/, answer], crioConfigOf()] } })
    expect(await loadImages.check(ctx)).toEqual({ done: false, why: `not imported: ${pauseImage}` })
  }
})

describe('what stands behind a name', () => {
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux' })
  const archive = (tag: string) =>
    tarOf({ 'manifest.json': JSON.stringify([{ Config: 'c.json', RepoTags: [tag] }]), 'c.json': config }).toString()
  const pause = 'docker.io/library/pause:1'
  const bundle = (tag = 'pause:1') => makeBundle([{ name: pause, kind: 'image', content: archive(tag) }])
  const known = (id: string) => table([]) + row(pause, sha256('target')) + row(`sha256:${id}`, sha256('target'))
  const onContainerd = (answer: string, made = bundle()) =>
    loadImages.check(
      sceneOn('edge-1', {
        bundle: made,
        rules: { 'edge-1': [['GOMAXPROCS=1 ctr -n k8s.io images ls', answer], dump(pause)] },
      }).ctx,
    )
  const onCrio = (id: string) =>
    loadImages.check(
      sceneOn('edge-2', {
        bundle: bundle(),
        rules: {
          'edge-2': [[/^crictl/, JSON.stringify({ images: [{ id, repoTags: [pause] }] })], crioConfigOf(pause)],
        },
      }).ctx,
    )
  const other = { done: false as const, why: `not imported: ${pause} (another image has this name)` }

  test('containerd: the same image by its id', async () =>
    expect(await onContainerd(known(sha256(config)))).toEqual({ done: true }))
  test('containerd: a tag that points to other content', async () =>
    expect(await onContainerd(known(sha256('old')))).toEqual(other))
  test('containerd: the id of another image says nothing', async () => {
    const both = known(sha256('old')) + row('docker.io/library/same:1') + row(`sha256:${sha256(config)}`, sha256('x'))
    expect(await onContainerd(both)).toEqual(other)
  })
  test('containerd: a name alone counts until the CRI has looked, and for an archive that does not tell', async () => {
    expect(await onContainerd(table([pause]))).toEqual({ done: true })
    expect(await onContainerd(known(sha256('old')), bundle('another:1'))).toEqual({ done: true })
  })
  test('CRI-O: by its id, with or without the sum’s name', async () => {
    for (const id of [sha256(config), `sha256:${sha256(config)}`]) expect(await onCrio(id)).toEqual({ done: true })
    expect(await onCrio(sha256('old'))).toEqual(other)
  })
})

describe('what nobody brings', () => {
  const absent = 'docker.io/flannel/flannel-cni-plugin:v1.7.1'
  const bundle = () => makeBundle(labPieces.filter(({ name }) => name !== absent))
  const scene = (node: string, ...rules: Rule[]) => sceneOn(node, { bundle: bundle(), rules: { [node]: rules } })
  const present = [pauseImage, 'registry.k8s.io/kube-apiserver:v1.32.10', 'docker.io/flannel/flannel:v0.27.0']

  test('an image that the pod network’s manifest names', async () => {
    const { ctx } = scene('worker', ...containerd(present))
    const why = `neither there nor in the bundle: ${absent}`
    expect(await loadImages.check(ctx)).toEqual({ done: false, why })
    expect(await failureOf(loadImages.run(ctx))).toMatch(new RegExp(`^bundle: .*: ${absent}$`))
    const full = scene('worker', ...containerd([...present, absent]))
    expect(await loadImages.check(full.ctx)).toEqual({ done: true })
    expect(await loadImages.check(scene('edge-1', ...containerd(present)).ctx)).toEqual({ done: true })
  })

  test("an image of the pod network's is the cluster's, whatever its name", async () => {
    const small = 'docker.io/library/busybox:1.36'
    const manifest = flannelText.replaceAll(absent, small).replaceAll(absent.replace('docker.io/', ''), small)
    const network = labPieces.map((piece) => (piece.name === 'pod-network' ? { ...piece, content: manifest } : piece))
    const made = makeBundle([...network, { name: small, kind: 'image', roles: ['control-plane', 'worker'] }])
    const why = `not imported: ${small}`
    const rules = { worker: containerd([...present, absent]), 'edge-1': containerd(present) }
    expect(await loadImages.check(sceneOn('worker', { bundle: made, rules }).ctx)).toEqual({ done: false, why })
    expect(await loadImages.check(sceneOn('edge-1', { bundle: made, rules }).ctx)).toEqual({ done: true })
  })

  test('the sandbox image that the runtime is really configured with', async () => {
    const why = 'neither there nor in the bundle: registry.k8s.io/pause:3.6'
    const rules = [dump('registry.k8s.io/pause:3.6'), ...containerd(present)]
    expect(await loadImages.check(scene('edge-1', ...rules).ctx)).toEqual({ done: false, why })
    const v2 = containerdTells({ config: "      sandbox = 'registry.k8s.io/pause:3.6'\n" })
    expect(await loadImages.check(scene('edge-1', v2, ...containerd(present)).ctx)).toEqual({ done: false, why })
    const { ctx } = scene(
      'edge-2',
      [/^crictl/, JSON.stringify({ images: [{ id: '1', repoTags: present }] })],
      [/^crio config/, '# pause_image = "registry.k8s.io/pause:3.6"\n'],
    )
    expect(await loadImages.check(ctx)).toEqual({ done: false, why })
  })
})
