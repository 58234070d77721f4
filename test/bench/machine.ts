import { cpus, loadavg, release, totalmem } from 'node:os'

/** What a figure was measured on; says nothing of whose machine it is. */
export type Machine = {
  readonly cpus: number
  readonly model: string
  readonly memoryGiB: number
  readonly kernel: string
  /** Over 1, 5 and 15 minutes. */
  readonly load: readonly number[]
  readonly bun: string
}

export const describeMachine = (): Machine => ({
  cpus: cpus().length,
  model: cpus()[0]?.model.trim() ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 1024 ** 3),
  kernel: release(),
  load: loadavg().map((each) => +each.toFixed(1)),
  bun: Bun.version,
})
