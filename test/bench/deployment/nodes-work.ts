import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { containers } from '../../lab/containers/lab-file.ts'
import { median } from '../row.ts'

/** One run of one way. `cpuSeconds` are those of the nodes, of the command and of what it started here. */
export type Turn = { readonly seconds: number; readonly cpuSeconds: number | undefined }

/** Seconds of CPU that the nodes have used since they were made; undefined where this machine does not count them. */
export function nodesWork(): number | undefined {
  try {
    const files = containers.map(({ name }) => `/sys/fs/cgroup/cpuacct/kedge-lab/${name}/cpuacct.usage`)
    return files.reduce((sum, file) => sum + Number(readFileSync(file, 'utf8')) / 1e9, 0)
  } catch {
    return undefined
  }
}

/**
 * What there is to compute, whoever gives the orders, and how much of it was done at the same time. The nodes share the cores of
 * this machine, so no order of the steps takes less than the work divided by the cores.
 */
export function noteOfWork(
  turns: readonly (readonly [way: string, turns: readonly Turn[]])[],
  cores = availableParallelism(),
): string {
  const ways = turns.flatMap(([way, all]) => {
    const counted = all.flatMap(({ seconds, cpuSeconds }) =>
      cpuSeconds === undefined ? [] : [{ seconds, cpuSeconds }],
    )
    if (counted.length === 0) return []
    const seconds = median(counted.map((turn) => turn.seconds))
    const cpu = median(counted.map((turn) => turn.cpuSeconds))
    return [{ way, seconds, cpu }]
  })
  const [ours, ...others] = ways
  if (!ours) return ''
  const used = ways.map(
    ({ way, seconds, cpu }) =>
      `${way} ${cpu.toFixed(1)} s of CPU in ${seconds.toFixed(1)} s, ${(cpu / seconds).toFixed(1)} of ${cores} cores busy`,
  )
  const least = ours.cpu / cores
  const most = others.map(({ way, seconds }) => `${(seconds / least).toFixed(1)} times faster than ${way}`)
  const bound = `with all cores busy kedge's work alone takes ${least.toFixed(1)} s`
  return `all nodes share this machine's ${cores} cores: ${used.join('; ')}; ${bound}${most.length > 0 ? `, so no order of its steps is more than ${most.join(', or ')}` : ''}`
}
