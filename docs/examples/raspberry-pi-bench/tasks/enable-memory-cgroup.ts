import { doneIf, refused, task } from 'kedge'

/** Where the kernel's command line stands: since Debian 12, and before. */
const files = ['/boot/firmware/cmdline.txt', '/boot/cmdline.txt']

export default task({
  description: 'Switch on the memory cgroup, without which no kubelet starts',

  async check({ $ }) {
    const { exitCode } = await $`grep -qw memory /sys/fs/cgroup/cgroup.controllers`.nothrow()
    return doneIf(exitCode === 0, 'the memory cgroup is off')
  },

  // It is on after a restart, and that is for you to choose: a Pi on a bench may be doing something else.
  async run({ $, host, node }) {
    for (const file of files) {
      const words = (await host.read(file))?.trim()
      if (!words) continue
      if (!words.split(' ').includes('cgroup_enable=memory')) {
        await $`sed -i.kedge '1 s/$/ cgroup_enable=memory/' ${file}`
      }
      throw refused(`${node.name} has to be restarted for its memory cgroup`, `kedge ssh ${node.name} -- sudo reboot`)
    }
    throw refused(
      `${node.name} has neither ${files.join(' nor ')}`,
      'add cgroup_enable=memory to its kernel command line',
    )
  },
})
