import { linesOf } from '../lib/host/lines-of.ts'
import { doneIf, task } from '../lib/task/task.ts'

/** Kubernetes refuses to start with swap on, and the scheduler's promises are void with it. */
export default task({
  description: 'Turn swap off, now and at every boot',
  checks: 'no swap is on, and /etc/fstab names none',
  changes: 'turns swap off, masks swap units that systemd finds by itself, comments swap out of /etc/fstab',
  step: 3,

  async check({ $ }) {
    const active = linesOf(await $`swapon --noheadings --show=NAME`)
    const atBoot = linesOf(await $`test ! -e /etc/fstab || awk '!/^[[:space:]]*#/ && $3 == "swap"' /etc/fstab`)
    return doneIf(active.length + atBoot.length === 0, `swap on: ${active.join(', ') || 'in /etc/fstab'}`)
  },

  async run({ $ }) {
    // systemd makes units for swap partitions that it finds by itself; a masked one stays off.
    await $`for name in $(swapon --noheadings --show=NAME); do
  grep -qF "$name" /etc/fstab || systemctl mask --quiet "$(systemd-escape --path --suffix=swap "$name")"
done`
    await $`swapoff --all`
    // The third field, as the check reads it: options may be left out, and a label may hold a #.
    await $`test ! -e /etc/fstab || sed -i.kedge -E '/^[[:space:]]*[^#[:space:]][^[:space:]]*[[:space:]]+[^[:space:]]+[[:space:]]+swap([[:space:]]|$)/ s/^/# /' /etc/fstab`
  },
})
