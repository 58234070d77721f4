import { refused } from '../event/failure.ts'
import { clockOffset } from '../host/clock-offset.ts'
import type { TaskContext } from './task.ts'

/** Short enough for certificates that begin now, and longer than clocks differ that are kept at all. */
const skewSeconds = 60

/**
 * Certificates and tokens begin and end by the clock: where the node's is more than a minute off, none is made for it or by it.
 * A board without a clock of its own starts in the past, and what programs say of it then is anything but that.
 */
export async function mustAgreeOnTime({ host, node }: TaskContext, now = Date.now): Promise<void> {
  const { seconds, error } = await clockOffset(host, now)
  if (!(Math.abs(seconds) - error > skewSeconds)) return
  const here = now()
  const [there, ours] = [here + seconds * 1000, here].map((at) => `${new Date(at).toISOString().slice(0, 19)}Z`)
  const side = seconds < 0 ? 'behind' : 'ahead of'
  throw refused(
    `the clock of ${node.name} is ${Math.round(Math.abs(seconds))} s ${side} this machine's: it says ${there}, and here it is ${ours}`,
    `kedge ssh ${node.name} -- sudo date -s @$(date +%s); or set the clock of this machine, if it is that one which is wrong`,
  )
}
