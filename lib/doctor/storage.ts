import { quote } from '../host/quote.ts'
import { baseImagePath, labFolder, machineFiles } from '../machine/storage.ts'
import { formatBytes } from '../report/size.ts'
import type { Area } from './area.ts'
import { fail, ok, warn } from './finding.ts'
import { type HypervisorView, vmsInWords, vmsOf } from './hypervisor-view.ts'
import { piecesFor } from './room.ts'

/** What a node writes on its overlay: what the bundle has for it, unpacked, beside what runs and its logs. */
const unpacked = 3
const besidesBytes = 2 ** 30
/** Where no bundle says how much there is to unpack. */
const withoutBundleBytes = 4 * 2 ** 30

/** The disks are overlays that grow: what they take soon is one figure, what they can take in the end another. */
export const storage: Area<HypervisorView> = {
  script: ({ topology }) => `at=${quote(topology.hypervisor.storage)}
while [ ! -e "$at" ]; do at=$(dirname "$at"); done
df -PB1 "$at" | sed -n '2s/^/disk /p'
if [ -w "$at" ]; then echo "writable"; fi
echo "at $at"; echo "user $(id -un)"
cd ${quote(topology.hypervisor.storage)} && ls | sed "s|^|there $PWD/|"
cd ${quote(labFolder(topology))} && ls | sed "s|^|there $PWD/|"`,

  judge(said, view) {
    const { topology, pieces } = view
    const what = 'storage'
    const line = (key: string) => new RegExp(`^${key} (.*)$`, 'm').exec(said)?.[1] ?? ''
    const there = new Set([...said.matchAll(/^there (.+)$/gm)].map(([, path]) => path))
    const { storage: folder } = topology.hypervisor
    const [, , , free, , mountPoint] = line('disk').split(/\s+/)
    if (!free) return warn(what, `not known for ${folder}`, `see df -h ${folder} on the hypervisor`)
    if (!/^writable$/m.test(said))
      return fail(
        what,
        `${line('user')} may not write in ${line('at')}`,
        `run kedge as root, or make ${folder} a folder of ${line('user')}’s that qemu may enter (hypervisor.storage)`,
      )
    const added = vmsOf(view).filter(({ name }) => !there.has(machineFiles(topology, name).disk))
    const virtual = added.reduce((sum, { machine }) => sum + machine.diskGiB * 2 ** 30, 0)
    const images = (pieces ?? [])
      .filter(({ kind, name }) => kind === 'vm-image' && added.some(({ machine }) => machine.image === name))
      .filter(({ sha256 }) => !there.has(baseImagePath(topology, sha256)))
      .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const packed = (node: (typeof added)[number]) => piecesFor(node, pieces ?? [])
    const least = added.reduce((sum, node) => sum + packed(node), images)
    const soon = added.reduce((sum, node) => {
      const writes = pieces ? unpacked * packed(node) + besidesBytes : withoutBundleBytes
      return sum + Math.min(writes, node.machine.diskGiB * 2 ** 30)
    }, images)
    const has = `${formatBytes(Number(free))} free on ${mountPoint}`
    if (added.length === 0) return ok(what, `all VMs have their disks; ${has}`)
    const figure = `about ${formatBytes(soon)} for ${vmsInWords(added)} still to be made, ${formatBytes(virtual)} if their disks fill up; ${has}`
    const cure = `make room there, or name a folder on a larger disk (hypervisor.storage in ${topology.file})`
    if (Number(free) < least) return fail(what, figure, cure)
    return Number(free) < soon ? warn(what, figure, cure) : ok(what, figure)
  },
}
