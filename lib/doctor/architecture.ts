import { type Area, keyed } from './area.ts'
import { fail, ok } from './finding.ts'
import type { MachineView } from './machine.ts'

const names: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' }

/** Raspberry Pi OS of 32 bits boots a 64-bit kernel where it can, and runs no 64-bit program all the same. */
export const architecture: Area<MachineView> = {
  script: () => `echo "kernel $(uname -m)"
echo "bits $(getconf LONG_BIT)"
echo "packages $(dpkg --print-architecture)"`,

  judge(said, { node, topology }) {
    const what = 'architecture'
    const facts = keyed(said)
    const kernel = facts.get('kernel') ?? ''
    const found = names[kernel] ?? kernel
    const packages = facts.get('packages')
    if (names[kernel] && facts.get('bits') === '32')
      return fail(
        what,
        `a 64-bit kernel (${found}) with 32-bit programs${packages ? ` (${packages})` : ''}`,
        `install the 64-bit image of its system on ${node.name}`,
      )
    if (found === node.architecture) return ok(what, found)
    const isKnown = names[kernel] !== undefined
    return fail(
      what,
      `${found || 'not known'}, and the file says ${node.architecture}`,
      isKnown
        ? `write architecture: ${found} for ${node.name} in ${topology.file}, and see that the bundle has pieces for it`
        : 'kedge builds on amd64 and arm64 alone: take another machine',
    )
  },
}
