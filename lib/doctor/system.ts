import { type Area, keyed } from './area.ts'
import { fail, ok, warn } from './finding.ts'
import type { MachineView } from './machine.ts'

/** Services are systemd's, and a bundle's packages are Debian's. */
export const system: Area<MachineView> = {
  script: () => `echo "name $(. /etc/os-release; echo "$PRETTY_NAME")"
if [ -d /run/systemd/system ]; then echo 'systemd yes'; fi
if command -v dpkg > /dev/null; then echo 'dpkg yes'; fi`,

  judge(said) {
    const what = 'system'
    const facts = keyed(said)
    const name = facts.get('name') || 'a system without /etc/os-release'
    if (!facts.has('systemd'))
      return fail(what, `${name}, without systemd`, 'take a system that systemd has booted, such as Debian or Ubuntu')
    if (facts.has('dpkg')) return ok(what, name)
    return warn(
      what,
      `${name}, without dpkg`,
      'kedge installs Debian packages only: install the container runtime yourself, or take Debian or Ubuntu',
    )
  },
}
