/*
 * What a node that is cut off bears of kedge: a reboot takes all of it away, and so does `restore`.
 */

/** Whatever would leave the LANs goes there. */
export const voidLink = 'kedge-void'
/** Where such a link is one of a pair, as without the kernel's `dummy`. */
export const voidEnd = 'kedge-void-end'
/** The routing table with nothing but a way there. */
export const voidTable = 7101
/** Rules of routing: main without its default routes, then the void. Before them, for what was seen: no way at all. */
export const preferences = { seen: 32763, main: 32764, void: 32765 } as const
export const mark = '0x6b656467'
/** Default routes, and halves and quarters of everything, as VPNs make them. */
export const longestDefault = 3
/** What was found, in memory only. */
export const notes = '/run/kedge-isolation'
/** Distinct targets that a node is remembered for. */
export const targetsPerNode = 4096
