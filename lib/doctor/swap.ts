import { formatBytes } from '../report/size.ts'
import type { Area } from './area.ts'
import { ok, warn } from './finding.ts'
import type { MachineView } from './machine.ts'

export const swap: Area<MachineView> = {
  script: () => 'tail -n +2 /proc/swaps',
  judge(said) {
    const on = said.split('\n').flatMap((line) => {
      const [name, , kibibytes] = line.split(/\s+/)
      return name && kibibytes ? [`${name} (${formatBytes(Number(kibibytes) * 1024)})`] : []
    })
    if (on.length === 0) return ok('swap', 'off')
    return warn('swap', `on: ${on.join(', ')}`, 'nothing to do: kedge run turns it off (disable-swap), now and at boot')
  },
}
