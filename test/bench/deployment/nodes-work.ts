import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { containers } from '../../lab/containers/lab-file.ts'

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
 * What the nodes have to do by themselves, whoever tells them. They share the cores of this machine, so no order of the steps
 * takes less than that, divided by the cores.
 */
export function noteOfWork(seconds: Readonly<Record<string, readonly number[]>>): string {
  const cores = availableParallelism()
  const figures = Object.entries(seconds).flatMap(([way, all]) =>
    all.length > 0 ? [`${way} ${Math.min(...all).toFixed(0)} s`] : [],
  )
  if (figures.length === 0) return ''
  return `the nodes share ${cores} cores and are busy for so long themselves, in seconds of CPU: ${figures.join(', ')}; no order of the steps takes less than that divided by ${cores}`
}
