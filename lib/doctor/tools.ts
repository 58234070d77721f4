import { type Area, keyed } from './area.ts'
import { fail, ok } from './finding.ts'
import type { HypervisorView } from './hypervisor-view.ts'

/** What kedge itself calls there, with Debian's package. QEMU's name ends in the machine's architecture. */
const packages: Readonly<Record<string, string>> = {
  virsh: 'libvirt-clients',
  'qemu-img': 'qemu-utils',
  qemu: 'qemu-system-x86 or qemu-system-arm',
  ip: 'iproute2',
}

export const tools: Area<HypervisorView> = {
  script: () => `told() { if command -v "$2" > /dev/null; then echo "$1 $("$2" "$3" 2>&1 | head -n 1)"; fi; }
told virsh virsh --version
told qemu-img qemu-img --version
told qemu /usr/libexec/qemu-kvm --version
told qemu "qemu-system-$(uname -m)" --version
told ip ip -V`,

  judge(said) {
    const found = keyed(said)
    return Object.entries(packages).map(([tool, name]) => {
      const text = found.get(tool)
      if (text === undefined) return fail(tool, 'is not there', `apt install ${name} on the hypervisor`)
      return ok(tool, /\d+(?:\.\d+)+/.exec(text)?.[0] ?? 'is there')
    })
  },
}
