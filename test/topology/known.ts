import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Known } from '../../lib/topology/load-topology.ts'

/** What the tests load against: the repository's own file, its tasks, and one script of the user's. */
export const base = readFileSync(new URL('../../kedge.config.yaml', import.meta.url), 'utf8')
export const known: Known = { base, tasks: new Set([...Object.keys(parse(base).tasks), 'fetch-model']) }
