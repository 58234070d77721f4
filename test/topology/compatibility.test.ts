import { expect, test } from 'bun:test'
import { compatibilities, fits, laterForCrio, whatFits } from '../../lib/topology/compatibility.ts'

test.each([
  ['1.23.1', '1.32.10', true],
  ['1.23.1', '1.30.0', true],
  ['1.23.1', '1.29.9', false],
  ['1.17.0', '1.26.15', true],
  ['1.17.0', '1.29.0', false],
  ['1.16.0', '1.27.0', false],
  ['1.2.3', '1.3.2', false],
  ['1.22.2', '1.31.12+k3s1', true],
])('KubeEdge %s with Kubernetes %s: %p', (kubeedge, kubernetes, expected) => {
  expect(fits(kubeedge, kubernetes)).toBe(expected)
})

test('what fits is told from both ends, as far as either is known', () => {
  expect(whatFits('1.23.1', '1.28.0')).toBe(
    'KubeEdge 1.23 goes with Kubernetes 1.30, 1.31, 1.32; Kubernetes 1.28 goes with KubeEdge 1.17, 1.18, 1.19, 1.20, 1.21',
  )
  expect(whatFits('1.23.1', '1.99.0')).toBe('KubeEdge 1.23 goes with Kubernetes 1.30, 1.31, 1.32')
})

test('every release is listed once, oldest first, with consecutive releases of Kubernetes', () => {
  const minors = compatibilities.map(({ kubeedge }) => Number(kubeedge.split('.')[1]))
  expect(minors).toEqual(minors.map((_, index) => (minors[0] ?? 0) + index))
  for (const { kubernetes } of compatibilities) {
    const numbers = kubernetes.map((minor) => Number(minor.split('.')[1]))
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  }
})

test.each([
  ['1.17.3', '1.17.4'],
  ['1.17.4', undefined],
  ['1.18.1', '1.18.2'],
  ['1.18.2', undefined],
  ['1.19.0', '1.19.1'],
  ['1.19.10', undefined],
  ['1.20.0', undefined],
  ['1.23.1', undefined],
])('KubeEdge %s joins through CRI-O from %p on', (version, later) => expect(laterForCrio(version)).toBe(later))
