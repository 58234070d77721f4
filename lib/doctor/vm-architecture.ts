import type { Area } from './area.ts'
import { fail, ok } from './finding.ts'
import { type HypervisorView, vmsOf } from './hypervisor-view.ts'

/** A VM has its hypervisor's architecture, emulated or not. */
export const vmArchitecture: Area<HypervisorView> = {
  script: () => 'uname -m',
  judge(said, view) {
    const { topology } = view
    const what = 'architecture'
    const own = said === 'x86_64' ? 'amd64' : said === 'aarch64' ? 'arm64' : said
    const others = vmsOf(view).filter(({ architecture }) => architecture !== own)
    if (others.length === 0) return ok(what, own)
    const names = others.map(({ name }) => name).join(', ')
    return fail(
      what,
      `${own}, and the file says ${others[0]?.architecture} for ${names}`,
      `write architecture: ${own} for them in ${topology.file}, or make them on another hypervisor`,
    )
  },
}
