import { type Check, doneIf, type TaskContext } from '../task/task.ts'

/**
 * Kubernetes' network add-ons put their CNI plug-ins into /opt/cni/bin and expect the standard ones there; Debian's
 * package has those in /usr/lib/cni. One folder for both.
 */
export async function setUpCniFolder({ $ }: TaskContext): Promise<void> {
  await $`mkdir -p /opt/cni/bin /etc/cni/net.d
for plugin in /usr/lib/cni/*; do
  [ -x "$plugin" ] || continue
  [ -e "/opt/cni/bin/$(basename "$plugin")" ] || ln -s "$plugin" /opt/cni/bin/
done`
}

/** The runtime's package starts it at once, so that one which runs says nothing of what should have come after. */
export async function checkCniFolder({ $ }: TaskContext): Promise<Check> {
  const linked = await $`for plugin in /usr/lib/cni/*; do
  [ ! -x "$plugin" ] || [ -e "/opt/cni/bin/$(basename "$plugin")" ] || exit 1
done`.nothrow()
  return doneIf(linked.exitCode === 0, 'the CNI plug-ins are not in /opt/cni/bin')
}
