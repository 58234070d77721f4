import { bundleDevice } from '../bundle/deliver.ts'
import type { TaskContext } from '../task/task.ts'
import { provideBundleDisk } from './bundle-disk.ts'
import { disksOf, freeTarget, isBundle } from './domain-disks.ts'
import { bundleDiskXml } from './domain-xml.ts'
import { inTurn } from './in-turn.ts'
import { virshOn } from './libvirt.ts'
import { libvirtName } from './names.ts'
import { formatXml } from './xml.ts'

/**
 * Plugs the bundle's disk into the VM of the context's node, which runs; true if it is there now. A VM that had it detached
 * gets it back so, the next time that it lacks a piece.
 */
export async function attachBundle(ctx: TaskContext): Promise<boolean> {
  const { node, topology, hypervisor, signal } = ctx
  if (node.machine.kind !== 'vm') return false
  const virsh = virshOn(hypervisor, topology.hypervisor.uri)
  const domain = libvirtName(topology.lab, node.name)
  return await inTurn(`${topology.hypervisor.uri} ${domain} bundle`, signal, async () => {
    const live = await disksOf(virsh, domain, [])
    if (live.some(isBundle)) return true
    const bundle = await provideBundleDisk(ctx)
    if (!bundle) return false
    const kept = await disksOf(virsh, domain, ['--inactive'])
    ctx.say('attaching the bundle as a disk')
    const definition = formatXml(bundleDiskXml(bundle, freeTarget([...live, ...kept])))
    const how = kept.some(isBundle) ? ['--live'] : ['--live', '--config']
    await virsh.run(['attach-device', domain, '/dev/stdin', ...how], definition)
    // The guest's kernel and udev take their time, emulated ones above all.
    await ctx.$`for look in $(seq 300); do if [ -e ${bundleDevice} ]; then exit; fi; sleep 0.2; done`
    return true
  })
}
