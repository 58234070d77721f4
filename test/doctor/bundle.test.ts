import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBundle } from '../../lib/bundle/bundle.ts'
import { wantedPieces } from '../../lib/bundle/wanted.ts'
import { lookAtBundle } from '../../lib/doctor/bundle.ts'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { bundleFor } from '../bundle/make-pieces.ts'
import { loadLab } from '../tasks/context.ts'

// A busy machine takes its time, also for scripted hosts.
setDefaultTimeout(30_000)

const topology = loadLab()
const wanted = wantedPieces(topology)
const look = async (place: string | undefined, full = false) => {
  const { findings } = await lookAtBundle({ topology, place, wanted, ...(full ? { full: {} } : {}) })
  return findings.map(({ state, figure, cure, kind }) => ({
    state,
    figure: place ? figure.replaceAll(place, '…') : figure,
    cure,
    kind,
  }))
}

/** The path of the piece of that name. */
function pathIn(folder: string, name: string): string {
  const piece = openBundle(folder).pieces.find((each) => each.name === name)
  if (!piece) throw new Error(`no ${name}`)
  return piece.path
}

test('whole, by names and sizes; all of it read where that is asked for', async () => {
  const folder = bundleFor(topology)
  const [finding] = await look(folder)
  expect(finding?.state).toBe('ok')
  expect(finding?.figure).toMatch(/^…: \d+ pieces, .* complete by names and sizes/)
  expect((await look(folder, true))[0]?.figure).toEndWith('complete and undamaged')
})

test('changed in place: only reading it all shows that', async () => {
  const folder = bundleFor(topology)
  const path = pathIn(folder, 'kubelet')
  const content = readFileSync(path)
  content[40] = 1
  writeFileSync(path, content)
  expect((await look(folder))[0]?.state).toBe('ok')
  const [finding] = await look(folder, true)
  expect(finding).toMatchObject({ state: 'fail', kind: 'bundle' })
  expect(finding?.figure).toStartWith('…: kubelet (amd64) is damaged: ')
})

test('a piece is missing: who needs it', async () => {
  const folder = bundleFor(topology, (piece) => (piece.name === 'keadm' ? undefined : piece))
  const [finding, ...more] = await look(folder)
  expect(more).toEqual([])
  expect(finding?.figure).toMatch(/^…: keadm \(amd64\) is missing: master, edge-1, .* need it for install-cloudcore$/)
  expect(finding?.cure).toStartWith('kedge bundle create')
})

test('a file is missing or cut short: told once, as damaged', async () => {
  const folder = bundleFor(topology)
  rmSync(pathIn(folder, 'kubectl'))
  expect((await look(folder)).map(({ figure }) => figure.replace(/: kubectl: .*/, ''))).toEqual([
    '…: kubectl (amd64) is damaged',
  ])
})

test('an empty bundle: some lines, and how many more', async () => {
  const found = await look(bundleFor(topology, () => undefined))
  expect(found).toHaveLength(7)
  expect(found.at(-1)?.figure).toBe(`and ${wanted.length - 6} more`)
  expect(found.at(-1)?.cure).toBe('kedge bundle verify names them all')
})

test('no bundle: named and not there, not named, and not asked for', async () => {
  const [gone] = await look(join(temporaryFolder(), 'gone'))
  expect(gone).toMatchObject({ state: 'fail', kind: 'bundle' })
  expect(gone?.figure).toStartWith('no bundle at …')
  expect(gone?.cure).toStartWith('kedge bundle create -o kedge.bundle where there is internet; or set `bundle:`')
  const [none] = await look(undefined)
  expect(none).toMatchObject({
    state: 'fail',
    kind: 'bundle',
    figure: `the lab has none, and its tasks want ${wanted.length} pieces`,
  })
  const unasked = await lookAtBundle({ topology, place: undefined, wanted: [] })
  expect(unasked.findings[0]?.state).toBe('ok')
})
