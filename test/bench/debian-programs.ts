import { installHostPackages } from '../lab/packages.ts'

export type DebianProgram = { readonly package: string; readonly version: readonly string[] }
export type Peer =
  | { readonly isThere: true; readonly version: string }
  | { readonly isThere: false; readonly why: string }

/** Programs that a bench is run against, installed from the distribution where they lack; as root. Who cannot be had says why. */
export async function debianPrograms<Name extends string>(
  programs: Readonly<Record<Name, DebianProgram>>,
): Promise<Readonly<Record<Name, Peer>>> {
  const peers = {} as Record<Name, Peer>
  for (const [name, { package: needed, version }] of Object.entries(programs) as [Name, DebianProgram][]) {
    try {
      if (!Bun.which(name)) await installHostPackages({ [needed]: 'to be compared with' })
      peers[name] = { isThere: true, version: versionOf(version) }
    } catch (error) {
      peers[name] = { isThere: false, why: (error as Error).message.split('\n')[0] ?? '' }
    }
  }
  return peers
}

function versionOf(command: readonly string[]): string {
  const { stdout, stderr } = Bun.spawnSync([...command])
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? 'of unknown version'
}
