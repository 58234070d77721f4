import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { generateKeyPair, type KeyPair } from '../host/keys.ts'

/** What SSH to a VM of the lab needs: the key that its host must show, and the one that opens root's account. */
export type MachineKeys = { readonly host: KeyPair; readonly user: KeyPair }

/**
 * Reads or makes the node's host key (`keys/<node>.host`) and the lab's user key (`keys/lab`) below the state folder, on
 * the machine that runs kedge. Several processes may ask at once: all get the same keys.
 */
export function machineKeys(stateFolder: string, node: string): MachineKeys {
  const folder = join(stateFolder, 'keys')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chmodSync(folder, 0o700)
  return { host: readOrMake(join(folder, `${node}.host`), node), user: readOrMake(join(folder, 'lab'), 'kedge') }
}

/** The node's host key is of no use once its VM is gone. */
export const forgetHostKey = (stateFolder: string, node: string): void =>
  rmSync(join(stateFolder, 'keys', `${node}.host`), { force: true })

function readOrMake(path: string, comment: string): KeyPair {
  const existing = readKey(path, comment)
  if (existing) return existing
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    writeDurably(aside, generateKeyPair(comment).privateKey)
    // A link, unlike a rename, does not replace what another process put there in the meantime.
    linkSync(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
  const made = readKey(path, comment)
  if (!made) throw new Error(`${path} vanished while it was being made`)
  return made
}

function writeDurably(path: string, content: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function readKey(path: string, comment: string): KeyPair | undefined {
  try {
    const privateKey = readFileSync(path, 'utf8')
    return { privateKey, publicLine: `${publicHalf(privateKey, path)} ${comment}` }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** An OpenSSH private key file carries its public half in clear, so the two can never come apart. */
function publicHalf(privateKey: string, path: string): string {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+)-----END/.exec(privateKey)?.[1] ?? ''
  const bytes = Buffer.from(body.replace(/\s+/g, ''), 'base64')
  const magic = 'openssh-key-v1\0'
  if (bytes.toString('latin1', 0, magic.length) !== magic) throw new Error(`${path} is not an OpenSSH private key`)
  let at = magic.length
  const field = (): Buffer => {
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    return bytes.subarray(start, at)
  }
  // Cipher, key derivation and its options come first, then how many keys there are.
  for (let skipped = 0; skipped < 3; skipped++) field()
  at += 4
  const blob = field()
  return `${blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))} ${blob.toString('base64')}`
}
