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

/**
 * The first patch release of a minor one whose `keadm join` works with CRI-O; 0 where none is named. Earlier ones ask for a
 * sandbox without an identity, which CRI-O alone refuses ("cannot generate pod name without uid in metadata").
 */
const firstWithCrio: Readonly<Record<string, number>> = { '1.17': 4, '1.18': 2, '1.19': 1 }

/** The release of this minor one from which an edge can join through CRI-O; undefined where the version is one already. */
export function laterForCrio(kubeedge: string): string | undefined {
  const first = firstWithCrio[minorOf(kubeedge)] ?? 0
  return Number(kubeedge.split('.')[2]) < first ? `${minorOf(kubeedge)}.${first}` : undefined
}

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
