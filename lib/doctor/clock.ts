import { type ClockOffset, offsetInWords } from '../host/clock-offset.ts'
import type { Area } from './area.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { MachineView } from './machine.ts'

/** Beyond it kedge makes no certificate or token for a node. */
const mostSeconds = 60
/** A clock that is kept by anything at all is nearer than this. */
const manySeconds = 5

export const clock: Area<MachineView> = {
  script: () => 'timedatectl show --property=NTPSynchronized --value',
  judge: (said, { offset, node }) =>
    clockFinding(said, `kedge ssh ${node.name} -- sudo date -s @$(date +%s)`, node.name, offset),
}

/**
 * `said` is systemd's word on whether anything keeps the clock: `yes`, `no`, or nothing where it does not know. `setClock` is
 * what to type to set it by this machine's.
 */
export function clockFinding(said: string, setClock: string, host: string, offset?: ClockOffset): Finding {
  const what = 'clock'
  const off = offset && Math.abs(offset.seconds) - offset.error
  const kept = said === 'yes' ? 'kept by NTP' : said === 'no' ? 'not kept by NTP' : 'not known whether NTP keeps it'
  const figure = [...(offset ? [`${offsetInWords(offset)} to this machine`] : []), kept].join(', ')
  if (off !== undefined && off > mostSeconds)
    return fail(what, figure, `${setClock}; and timedatectl set-ntp true there`)
  if (off !== undefined && off > manySeconds) return warn(what, figure, setClock)
  if (said !== 'no') return ok(what, figure)
  return warn(
    what,
    figure,
    `timedatectl set-ntp true on ${host}; without internet, chrony with a machine of the lab as its server`,
  )
}
