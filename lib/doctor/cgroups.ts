import { type Area, keyed, words } from './area.ts'
import { fail, ok } from './finding.ts'
import type { MachineView } from './machine.ts'

/** The kubelet ends at its start without any of them. */
const needed = ['cpu', 'cpuset', 'memory', 'pids']

/** The firmware of a Raspberry Pi switches the memory controller off unless its command line says otherwise. */
export const cgroups: Area<MachineView> = {
  script: () => `if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
  echo version 2
  echo "controllers $(cat /sys/fs/cgroup/cgroup.controllers)"
else
  echo version 1
  echo "controllers $(awk '$4 == 1 { printf "%s ", $1 }' /proc/cgroups)"
fi
echo "model $(tr -d '\\0' < /proc/device-tree/model)"
for file in /boot/firmware/cmdline.txt /boot/cmdline.txt; do
  if [ -e $file ]; then echo "file $file"; break; fi
done`,

  judge(said, { node }) {
    const what = 'cgroup controllers'
    const facts = keyed(said)
    const controllers = words(facts.get('controllers'))
    const missing = needed.filter((name) => !controllers.includes(name))
    const version = `cgroup v${facts.get('version')}`
    if (missing.length === 0) return ok(what, `${needed.join(', ')} (${version})`)
    const isPi = /raspberry/i.test(facts.get('model') ?? '')
    const file = facts.get('file') ?? '/boot/firmware/cmdline.txt'
    const cure =
      isPi && missing.every((name) => name === 'memory')
        ? `add cgroup_enable=memory cgroup_memory=1 to the one line of ${file}, then reboot ${node.name}`
        : `boot ${node.name} with a kernel that has ${missing.join(', ')}, and without cgroup_disable= in /proc/cmdline`
    return fail(what, `no ${missing.join(', ')} (${version})`, cure)
  },
}
