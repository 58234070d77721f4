import { describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Child } from '../../lib/host/child.ts'
import { createSshFiles } from '../../lib/host/ssh-files.ts'
import { toFailure } from '../../lib/host/to-failure.ts'

const run = ({ script }: { readonly script: string }, env = process.env) =>
  spawn('bash', ['-c', script], { env }) as unknown as Child
const binding = { signal: new AbortController().signal, onOutput: () => {} }

test('what a killed shell had half-written of the same file goes, and nothing else does', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-ssh-files-'))
  try {
    const begin = (file: string) =>
      `.kedge-${new Bun.CryptoHasher('sha256').update(join(folder, file)).digest('hex').slice(0, 6)}-`
    const living = spawn('sleep', ['60'])
    const dead = spawn('true')
    await new Promise((ended) => dead.once('exit', ended))
    const others = [`${begin('file')}${living.pid}`, `${begin('other')}${dead.pid}`, begin('file').slice(0, -1)]
    for (const name of [`${begin('file')}${dead.pid}`, ...others]) writeFileSync(join(folder, name), 'half')
    await createSshFiles('node', run, binding).write(join(folder, 'file'), 'whole')
    living.kill()
    expect(readdirSync(folder).sort()).toEqual([...others, 'file'].sort())
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('whole')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a file is whole and on disk before it takes the old one’s place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-ssh-files-'))
  try {
    const [path, seen] = [join(folder, 'file'), join(folder, 'seen')]
    writeFileSync(path, 'old')
    // What is there at the moment of the flush.
    writeFileSync(join(folder, 'sync'), `#!/bin/sh\ncat -- ${path} "$2" > ${seen}\n`, { mode: 0o755 })
    const env = { PATH: `${folder}:/usr/bin:/bin` }
    const files = createSshFiles('node', (command) => run(command, env), binding)
    await files.write(path, '+new')
    expect(readFileSync(seen, 'utf8')).toBe('old+new')
    expect(readFileSync(path, 'utf8')).toBe('+new')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what a shell removes when it ends is removed, though all that runs is ended at that moment', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-ssh-files-'))
  try {
    const [source, there] = [join(folder, 'source'), join(folder, 'there')]
    writeFileSync(source, 'content')
    // As a guard ends a group; what an earlier shell may have left is looked for by a pattern.
    const end = `case "$*" in *'*') ;; *) kill -TERM 0 ;; esac`
    writeFileSync(join(folder, 'rm'), `#!/bin/sh\n${end}\nexec /bin/rm "$@"\n`, { mode: 0o755 })
    const env = { PATH: `${folder}:/usr/bin:/bin` }
    const inGroup = ({ script }: { readonly script: string }) =>
      spawn('bash', ['-c', script], { env, detached: true }) as unknown as Child
    const files = createSshFiles('node', inGroup, binding)
    const other = new Bun.CryptoHasher('sha256').update('other').digest('hex')
    const error = await files.put(source, join(there, 'file'), { sha256: other }).catch((thrown) => thrown)
    expect(toFailure(error).message).toContain('source')
    expect(readdirSync(there)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('a copy that can go on, with programs in place of the system’s', () => {
  const content = Buffer.alloc(300_000, 'kedge')
  const sha256 = new Bun.CryptoHasher('sha256').update(content).digest('hex')
  async function put(program: string, script: string) {
    const folder = mkdtempSync(join(tmpdir(), 'kedge-ssh-files-'))
    try {
      mkdirSync(join(folder, 'there'))
      writeFileSync(join(folder, 'source'), content)
      writeFileSync(join(folder, program), `#!/bin/sh\n${script.replaceAll('FOLDER', folder)}\n`, { mode: 0o755 })
      const files = createSshFiles('node', (command) => run(command, { PATH: `${folder}:/usr/bin:/bin` }), binding)
      const failure = await files
        .put(join(folder, 'source'), join(folder, 'there/piece'), { sha256, resumable: true })
        .catch((error) => toFailure(error))
      return { failure, left: readdirSync(join(folder, 'there')) }
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  test.each([
    ['fails', 'exit 127'],
    ['answers in words of its own', 'echo "SHA2-256(stdin)= 0"'],
  ])('the sum where openssl %s', async (_, script) => {
    const { failure, left } = await put('openssl', script)
    expect(failure).toBeUndefined()
    expect(left).toEqual(['piece'])
  })

  test('what the disk could not keep while it arrived gets no name, though a later flush says nothing of it', async () => {
    const { failure, left } = await put('sync', '[ -e FOLDER/told ] && exit; touch FOLDER/told; exit 1')
    expect(failure).toMatchObject({ kind: 'command' })
    expect(left).toEqual(['.kedge-piece.part'])
  })
})
