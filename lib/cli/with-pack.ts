import { resolve } from 'node:path'
import { readSmallFile } from '../host/read-small-file.ts'
import { type Pack, readPack } from '../pack/read-pack.ts'
import { bytesDisplay } from './bytes-display.ts'
import type { GlobalOptions, Terminal } from './command.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import { stateRootOf } from './state-root.ts'

/**
 * The terminal with the lab that the running program carries, once that was found whole and, where a key is to be trusted,
 * signed with it. Throws a TaskError of kind `bundle` for a pack that is damaged or not to be trusted.
 */
export async function withPack(terminal: Terminal, options: GlobalOptions): Promise<Terminal> {
  const pack = readPack(terminal.execPath)
  if (options.trust !== undefined) await mustBeTrusted(pack, options.trust, terminal)
  if (!pack) return terminal
  const { checkPackOnce } = await import('../pack/check-pack.ts')
  const display = bytesDisplay(terminal, options, 'reading through this pack')
  const noteFolder = stateRootOf(terminal, options, terminal.cwd)
  try {
    await checkPackOnce(pack, noteFolder, { signal: terminal.signal, onProgress: display.show })
  } catch (error) {
    throw terminal.signal.aborted ? new CliError(exitCodes.interrupted, 'interrupted before anything was done') : error
  } finally {
    display.end()
  }
  return { ...terminal, pack }
}

/** Refuses a pack that nobody, or somebody else, has signed. */
export async function mustBeTrusted(pack: Pack | undefined, trust: string, { cwd }: Terminal): Promise<void> {
  if (!pack) throw new CliError(exitCodes.bundle, 'this is no pack: nobody has signed it')
  const { refuseUntrusted } = await import('../pack/signature.ts')
  const read = trust.startsWith('ssh-') ? { text: trust } : readSmallFile(resolve(cwd, trust))
  if (!('text' in read)) throw new CliError(exitCodes.usage, `${trust}: ${read.why}`)
  try {
    refuseUntrusted(pack, read.text)
  } catch (error) {
    if (error instanceof TypeError) throw new CliError(exitCodes.usage, `${trust}: no line with an ed25519 public key`)
    throw error
  }
}
