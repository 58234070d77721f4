import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleStatus } from '../../lib/cli/bundle-status.ts'
import type { Lab } from '../../lib/cli/lab.ts'
import { paperLab } from '../report/paper-lab.ts'

const folder = mkdtempSync(join(tmpdir(), 'kedge-bundle-status-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
mkdirSync(join(folder, 'bundle'))

const lab = (bundle?: Lab['bundle']): Lab => ({
  ...paperLab(),
  stateFolder: folder,
  ownTasks: new Map(),
  ...(bundle === undefined ? {} : { bundle }),
})
const machine = (node: string, hasBundle: boolean) => ({
  node,
  domain: `paper-${node}`,
  state: 'running',
  isInFile: node !== 'edge-3',
  hasBundle,
})

test('which VMs have it, those that have none and those that are not made yet', () => {
  const machines = [machine('master', true), machine('edge-1', false), machine('edge-3', true)]
  expect(bundleStatus(lab(join(folder, 'bundle')), folder, machines)).toEqual({
    place: './bundle',
    isThere: true,
    attached: ['master', 'edge-3'],
    detached: ['worker', 'edge-1', 'edge-2'],
  })
})

test('what is not known is not said', () => {
  expect(bundleStatus(lab(join(folder, 'bundle')), folder, undefined)).toEqual({ place: './bundle', isThere: true })
  expect(bundleStatus(lab(), folder, [])).toBeUndefined()
})

test('one elsewhere, one that is gone, one in the running program', () => {
  const inside = join(folder, 'inside')
  expect(bundleStatus(lab(join(folder, 'bundle')), inside, [])?.place).toBe(join(folder, 'bundle'))
  expect(bundleStatus(lab(join(folder, 'gone')), folder, [])).toMatchObject({ place: './gone', isThere: false })
  const pack = { path: join(folder, 'bundle'), offset: 10, sizeBytes: 10 }
  expect(bundleStatus(lab(pack), folder, [])?.place).toBe(`in this program, ${join(folder, 'bundle')}`)
})
