import { createTurns, type TakeTurn } from './turns.ts'

const connectsAtOnce = 8

const byAddress = new Map<string, TakeTurn>()

/**
 * Waits until fewer than eight logins to that address are under way, since sshd drops what exceeds its MaxStartups; the
 * result ends the turn. Connections of all nodes count, so that a jump host is spared as well.
 */
export function takeConnectTurn(address: string): Promise<() => void> {
  const takeTurn = byAddress.get(address) ?? createTurns(connectsAtOnce)
  byAddress.set(address, takeTurn)
  return takeTurn()
}
