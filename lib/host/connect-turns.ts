const connectsAtOnce = 8

const waiting = new Map<string, { busy: number; readonly queue: (() => void)[] }>()

/**
 * Waits until fewer than eight logins to that address are under way, since sshd drops what exceeds its MaxStartups; the
 * result ends the turn. Connections of all nodes count, so that a jump host is spared as well.
 */
export async function takeTurn(address: string): Promise<() => void> {
  const line = waiting.get(address) ?? { busy: 0, queue: [] }
  waiting.set(address, line)
  if (line.busy >= connectsAtOnce) await new Promise<void>((resolve) => line.queue.push(resolve))
  else line.busy += 1
  return () => {
    const next = line.queue.shift()
    if (next) return next()
    line.busy -= 1
    if (line.busy === 0) waiting.delete(address)
  }
}
