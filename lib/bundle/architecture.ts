import type { Node } from '../topology/topology.ts'
import type { Architecture } from './bundle.ts'

/** A node's architecture, as Debian and container images name it. The file has no key for it yet: every node is amd64. */
export const architectureOf = (_node: Node): Architecture => 'amd64'
