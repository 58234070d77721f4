import { expect, test } from 'bun:test'
import { nearest } from '../../lib/topology/nearest.ts'

test.each([
  ['cdir', ['address', 'cidr'], 'cidr'],
  ['nodez', ['edge', 'nodes'], 'nodes'],
  ['podcidr', ['podCidr'], 'podCidr'],
  ['pod_cidr', ['podCidr'], 'podCidr'],
  ['crio', ['containerd', 'cri-o'], 'cri-o'],
  ['join-egde', ['join-worker', 'join-edge'], 'join-edge'],
  ['instal-cloudcre', ['install-edgecore', 'install-cloudcore'], 'install-cloudcore'],
  ['edge2', ['edge-1', 'edge-2'], 'edge-2'],
])('%s among %p is %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected)
})

test.each([
  ['fly', ['verify', 'run']],
  ['c', ['a', 'b']],
  ['', ['a', 'on']],
  ['sh', ['on', 'env']],
  ['master', ['worker', 'edge']],
  ['x'.repeat(100_000), ['x'.repeat(99_999)]],
  ['anything', []],
])('%p has nothing near it in %p', (word, candidates) => {
  expect(nearest(word, candidates)).toBeUndefined()
})
