import { expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Child } from '../../lib/host/child.ts'
import { createSshFiles } from '../../lib/host/ssh-files.ts'

test('a file is whole and on disk before it takes the old one’s place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kedge-ssh-files-'))
  try {
    const [path, seen] = [join(folder, 'file'), join(folder, 'seen')]
    writeFileSync(path, 'old')
    // What is there at the moment of the flush.
    writeFileSync(join(folder, 'sync'), `#!/bin/sh\ncat -- ${path} "$2" > ${seen}\n`, { mode: 0o755 })
    const env = { PATH: `${folder}:/usr/bin:/bin` }
    const files = createSshFiles('node', ({ script }) => spawn('bash', ['-c', script], { env }) as unknown as Child, {
      signal: new AbortController().signal,
      onOutput: () => {},
    })
    await files.write(path, '+new')
    expect(readFileSync(seen, 'utf8')).toBe('old+new')
    expect(readFileSync(path, 'utf8')).toBe('+new')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
