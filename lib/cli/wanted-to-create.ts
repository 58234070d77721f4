import { type Wanted, wantedPieces } from '../bundle/wanted.ts'
import type { Architecture, Topology } from '../topology/topology.ts'
import { CliError, exitCodes } from './exit-codes.ts'
import type { Lab } from './lab.ts'
import { wantedByLab } from './wanted-by-lab.ts'

/**
 * What a bundle for the lab is made of, each piece once. For architectures that the lab has not got, what its nodes would
 * want if they were such. Throws a CliError for what is no architecture.
 */
export async function wantedToCreate(
  lab: Lab,
  architectures: readonly string[] | undefined,
): Promise<readonly Wanted[]> {
  const wanted = await wantedByLab(lab)
  const chosen = architectures?.flatMap((each) => each.split(',')).map(architectureOf)
  const fitting = chosen?.flatMap((architecture) => {
    const own = wanted.filter((each) => each.architecture === architecture)
    return own.length > 0 ? own : wantedPieces(asIf(lab.topology, architecture))
  })
  const all = fitting ? [...fitting, ...wanted.filter(({ architecture }) => architecture === 'all')] : wanted
  // An own task may ask for what a built-in one asks for as well, whatever kind that is.
  const known = new Set(all.flatMap(({ name, anyKind }) => (anyKind ? [] : [name])))
  const once = all.flatMap((each) =>
    !each.anyKind ? [each] : known.has(each.name) ? [] : [{ ...each, version: 'own' }],
  )
  return [...new Map(once.map((each) => [[each.kind, each.name, each.architecture].join(' '), each])).values()]
}

function architectureOf(text: string): Architecture {
  if (text === 'amd64' || text === 'arm64') return text
  throw new CliError(exitCodes.usage, `--arch ${text}: amd64 or arm64`)
}

const asIf = (topology: Topology, architecture: Architecture): Topology => ({
  ...topology,
  nodes: topology.nodes.map((node) => ({ ...node, architecture })),
})
