import { fits, whatFits } from '../topology/compatibility.ts'
import type { Topology } from '../topology/topology.ts'
import { type Finding, ok, warn } from './finding.ts'

/** A pair that does not go together is refused when the file is read, unless it asks to be let through. */
export function versionsFinding({ kubernetes, kubeedge }: Topology): Finding {
  const what = 'versions'
  const pair = `KubeEdge ${kubeedge.version} with Kubernetes ${kubernetes.version} (${kubernetes.distribution})`
  if (fits(kubeedge.version, kubernetes.version)) return ok(what, `${pair}: listed by KubeEdge`)
  return warn(
    what,
    `${pair}: not listed, and let through by anyKubernetes`,
    whatFits(kubeedge.version, kubernetes.version),
  )
}
