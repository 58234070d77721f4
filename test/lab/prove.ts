import type { Attempt } from '../../lib/isolation/attempts.ts'
import type { CheckLine } from './check.ts'

/** In the place of `run all`: every node is cut off meanwhile, and whatever reaches for the internet is told. */
export const proveWords: readonly string[] = ['bundle', 'prove', '--yes', '--json']

/** What it wrote, as claims of the lab: each attempt is one that does not hold. */
export function proofLines(stdout: string): CheckLine[] {
  const proof = JSON.parse(stdout) as {
    readonly verdict: string
    readonly ran: number
    readonly nodes: readonly string[]
    readonly attempts: readonly Attempt[]
    readonly objections: readonly string[]
  }
  const { verdict, ran, nodes, attempts, objections } = proof
  return [
    { ok: verdict === 'closed', text: `${ran} instances on ${nodes.length} nodes without internet: ${verdict}` },
    ...objections.map((text) => ({ ok: false, text })),
    ...attempts.map(({ node, ...attempt }) => ({ ok: false, text: `${node}: ${JSON.stringify(attempt)}` })),
  ]
}
