import { expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { aptSourcesOf, serversOf } from '../../lib/bundle/apt-sources.ts'
import { temporaryFolder } from './make-bundle.ts'

function sourcesOf(files: Readonly<Record<string, string>>, mirrors = {}) {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, 'apt', name)), { recursive: true })
    writeFileSync(join(folder, 'apt', name), text)
  }
  const system = { statusFile: '', architecture: 'amd64', release: 'debian bookworm' }
  const places = { aptFolder: join(folder, 'apt'), keyringsFolder: join(folder, 'keyrings') }
  const sources = aptSourcesOf({ ...system, ...places }, mirrors)
  return sources.map(({ name, text }) => ({ name, text: text.replaceAll(folder, 'IMAGE') }))
}

test('a list: packages over HTTP only, keys where they were unpacked, mirrors by what they stand for', () => {
  const text = `# deb http://a.invalid/debian bookworm main
deb [signed-by=/usr/share/keyrings/debian.gpg arch=amd64] http://a.invalid/debian bookworm main # ours
deb-src http://a.invalid/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb ssh://a.invalid/debian bookworm main
deb file:/srv/debian bookworm main
deb [signed-by=/etc/apt/keyrings/own.asc] https://b.invalid:8443/debian-security/ bookworm-security main contrib
deb http://c.invalid/own ./
`
  const [list, ...others] = sourcesOf({ 'sources.list': text }, { 'debian-security': 'http://mirror:80/sec' })
  expect(others).toEqual([])
  expect(list?.text.split('\n').map((line) => line.trim())).toEqual([
    'deb [signed-by=IMAGE/keyrings/debian.gpg arch=amd64] http://a.invalid/debian bookworm main',
    'deb [signed-by=IMAGE/apt/keyrings/own.asc] http://mirror:80/sec bookworm-security main contrib',
    'deb http://c.invalid/own ./',
  ])
  expect(serversOf(list ? [list] : [])).toEqual(['http://a.invalid', 'http://mirror:80', 'http://c.invalid'])
})

test('stanzas, as in cloud images, whose mirrors stand in a file of their own', () => {
  const stanzas = `Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

# Types: deb
# URIs: http://commented.invalid/debian
Types: deb-src
URIs: http://a.invalid/debian
Suites: bookworm

Types: deb
URIs: mirror+file:/etc/apt/../passwd file:/srv
Suites: bookworm
`
  const files = { 'sources.list.d/debian.sources': stanzas, 'mirrors/debian.list': 'http://a.invalid/debian\n' }
  expect(sourcesOf(files)).toEqual([
    {
      name: '1.sources',
      text: `Types: deb
URIs: http://a.invalid/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: IMAGE/keyrings/debian.gpg
`,
    },
  ])
  expect(sourcesOf(files, { debian: 'http://mirror/d' })[0]?.text).toContain('URIs: http://mirror/d\n')
})

test('no sources', () => {
  expect(sourcesOf({ 'sources.list.d/any.save': 'deb http://a.invalid/debian bookworm main\n' })).toEqual([])
})
