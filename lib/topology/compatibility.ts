/** One KubeEdge minor release and the control planes that it is listed as exactly compatible with. */
export type Compatibility = { readonly kubeedge: string; readonly kubernetes: readonly string[] }

/** Oldest first. Releases before 1.17 are left out: their keadm differs too much. */
export const compatibilities: readonly Compatibility[] = [
  { kubeedge: '1.17', kubernetes: ['1.26', '1.27', '1.28'] },
  { kubeedge: '1.18', kubernetes: ['1.27', '1.28', '1.29'] },
  { kubeedge: '1.19', kubernetes: ['1.27', '1.28', '1.29'] },
  { kubeedge: '1.20', kubernetes: ['1.28', '1.29', '1.30'] },
  { kubeedge: '1.21', kubernetes: ['1.28', '1.29', '1.30'] },
  { kubeedge: '1.22', kubernetes: ['1.29', '1.30', '1.31'] },
  { kubeedge: '1.23', kubernetes: ['1.30', '1.31', '1.32'] },
]

/** `1.32.10` is of the minor release `1.32`. */
export const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.')

export const fits = (kubeedge: string, kubernetes: string): boolean =>
  compatibilities.some((row) => row.kubeedge === minorOf(kubeedge) && row.kubernetes.includes(minorOf(kubernetes)))

/** What would fit, in words: the Kubernetes releases for this KubeEdge, and the other way round. */
export function whatFits(kubeedge: string, kubernetes: string): string {
  const row = compatibilities.find((candidate) => candidate.kubeedge === minorOf(kubeedge))
  const partners = compatibilities.filter((candidate) => candidate.kubernetes.includes(minorOf(kubernetes)))
  const parts = [
    row && `KubeEdge ${row.kubeedge} goes with Kubernetes ${row.kubernetes.join(', ')}`,
    partners.length > 0 &&
      `Kubernetes ${minorOf(kubernetes)} goes with KubeEdge ${partners.map((partner) => partner.kubeedge).join(', ')}`,
  ]
  return parts.filter(Boolean).join('; ')
}
