import type { Child } from './child.ts'
import type { Spawn } from './shell.ts'

/** A spawn that remembers what runs, and how to end all of it: every child is asked, and waited for. */
export function trackRunning(start: Spawn): { readonly spawn: Spawn; endAll(): Promise<void> } {
  const running = new Set<Child>()
  return {
    spawn(command) {
      const child = start(command)
      running.add(child)
      child.once('close', () => running.delete(child))
      return child
    },
    async endAll() {
      await Promise.all(
        [...running].map((child) => {
          const closed = new Promise((resolve) => child.once('close', resolve))
          child.kill('SIGTERM')
          return closed
        }),
      )
    },
  }
}
