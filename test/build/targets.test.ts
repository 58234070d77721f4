import { expect, test } from 'bun:test'
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../bundle/make-bundle.ts'
import { runIn } from './binary.ts'

/** The machine field of an ELF header. */
const machines: Readonly<Record<number, string>> = { 62: 'x86-64', 183: 'aarch64' }

function machineOf(path: string): string | undefined {
  const header = Buffer.alloc(20)
  const file = openSync(path, 'r')
  readSync(file, header)
  closeSync(file)
  return header.toString('latin1', 0, 4) === '\x7fELF' ? machines[header.readUInt16LE(18)] : undefined
}

const compile = join(import.meta.dir, '../../build/compile.ts')

test('each target is one executable for its architecture, and nothing else', () => {
  const folder = temporaryFolder()
  const targets = ['--target', 'linux-x64', '--target', 'linux-arm64']
  const built = Bun.spawnSync([process.execPath, compile, ...targets, '--outdir', folder])
  expect({ code: built.exitCode, stderr: built.stderr.toString() }).toEqual({ code: 0, stderr: '' })
  expect(readdirSync(folder).sort()).toEqual(['kedge-linux-arm64', 'kedge-linux-x64'])
  expect(machineOf(join(folder, 'kedge-linux-x64'))).toBe('x86-64')
  expect(machineOf(join(folder, 'kedge-linux-arm64'))).toBe('aarch64')
})

test('an unknown target is refused with those that there are', () => {
  const { exitCode, stderr } = runIn('/', [process.execPath, compile, '--target', 'windows'], {
    PATH: process.env.PATH ?? '',
  })
  expect(exitCode).toBe(2)
  expect(stderr).toContain('linux-arm64')
})
