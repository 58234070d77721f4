import { describe, expect, test } from 'bun:test'
import type { Rule } from '../../lib/host/scripted.ts'
import loadImages from '../../tasks/load-images.ts'
import loadKubeedgeImages from '../../tasks/load-kubeedge-images.ts'
import { makeBundle, sha256 } from '../bundle/make-bundle.ts'
import { containerdTells } from '../runtime/containerd-tells.ts'
import { failureOf, loadLab, sceneOn } from './context.ts'
import { changesOf, delivered, labPieces, noPieces, pauseImage } from './lab-bundle.ts'

const edgeImage = 'docker.io/kubeedge/installation-package:v1.23.1'
const flannel = ['docker.io/flannel/flannel:v0.27.0', 'docker.io/flannel/flannel-cni-plugin:v1.7.1']
const table = (images: readonly string[]) =>
  `REF TYPE DIGEST SIZE PLATFORMS LABELS\n${images.map((image) => `${image} type sha256:${sha256(image)} 1 MiB linux/amd64 -\n`).join('')}`
const containerd = (present: readonly string[], ...more: Rule[]): Rule[] => [
  ['GOMAXPROCS=1 ctr -n k8s.io images ls', () => table(present)],
  ...more,
  containerdTells({ config: `    sandbox_image = "${pauseImage}"\n` }),
]

test.each([
  ['master', 'not imported: docker.io/kubeedge/iptables-manager:v1.23.1'],
  ['worker', undefined],
  ['edge-1', `not imported: ${edgeImage}`],
])("%s needs KubeEdge's images of its role", async (node, why) => {
  const { ctx, steps } = sceneOn(node, { rules: { [node]: containerd([]) } })
  expect(await loadKubeedgeImages.check(ctx)).toEqual(why ? { done: false, why } : { done: true })
  expect(steps).toEqual([`${node}$ GOMAXPROCS=1 ctr -n k8s.io images ls`])
})

test('each missing image is sent, imported, and taken off the disk', async () => {
  const present = [pauseImage]
  const path = delivered(edgeImage)
  const rules = containerd(present, noPieces, [/images import/, () => `${present.push(edgeImage)}`], [/^rm/, ''])
  const { ctx, steps } = sceneOn('edge-1', { rules: { 'edge-1': rules } })
  await loadKubeedgeImages.run(ctx)
  expect(changesOf(steps).filter((step) => !step.endsWith('images ls'))).toEqual([
    `edge-1$ put ${path}`,
    expect.stringContaining(` ${path} ${edgeImage} `),
    `edge-1$ rm -f ${path}`,
  ])
  expect(await loadKubeedgeImages.check(ctx)).toEqual({ done: true })
})

test.each([
  ['master', ['registry.k8s.io/kube-apiserver:v1.32.10', ...flannel, 'docker.io/kubeedge/iptables-manager:v1.23.1']],
  ['worker', flannel],
  ['edge-1', [edgeImage]],
])('%s of a lab whose images came all in one step has nothing to do in two', async (node, own) => {
  const { ctx } = sceneOn(node, { rules: { [node]: containerd([pauseImage, ...own]) } })
  expect([await loadImages.check(ctx), await loadKubeedgeImages.check(ctx)]).toEqual([{ done: true }, { done: true }])
})

describe('the MQTT broker', () => {
  const broker = 'docker.io/library/eclipse-mosquitto:1.6.15'
  const topology = (mqtt: string) =>
    loadLab((text) => text.replace(/^kubeedge:.*$/m, `kubeedge: { version: 1.23.1, mqtt: ${mqtt} }`))
  const verdict = (node: string, mqtt: string, bundle?: string) =>
    loadKubeedgeImages.check(
      sceneOn(node, {
        topology: topology(mqtt),
        ...(bundle ? { bundle } : {}),
        rules: { [node]: containerd([]) },
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
