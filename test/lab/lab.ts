import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where one lab lives. Several labs stand side by side when their names differ. */
export type Lab = {
  /** Names the network namespace too; 15 characters are enough for every use. */
  readonly name: string
  /** Everything that belongs to this lab alone; `down` removes it. Absolute, and walkable by the qemu user. */
  readonly folder: string
  /** What is worth keeping between labs: the VM image, packages, the verdict on KVM. Absolute. */
  readonly cache: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** `KEDGE_LAB_NAME`, `KEDGE_LAB_WORK` and `KEDGE_LAB_CACHE` move the lab elsewhere. */
export function labFrom(environment: Environment = process.env): Lab {
  const name = environment.KEDGE_LAB_NAME ?? 'kedge-lab'
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name)) throw new Error(`KEDGE_LAB_NAME=${name}: want a-z, 0-9 and -, at most 15`)
  const caches = environment.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  return {
    name,
    folder: environment.KEDGE_LAB_WORK ?? join('/var/lib', name),
    cache: environment.KEDGE_LAB_CACHE ?? join(caches, 'kedge-lab'),
  }
}
