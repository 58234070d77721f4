import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { refused } from '../event/failure.ts'
import { replaceFile } from '../event/replace-file.ts'
import type { Host } from '../host/host.ts'
import type { Accelerator } from '../topology/topology.ts'
import { inTurn } from './in-turn.ts'
import { marker, probeDisk } from './kvm-probe.ts'
import { explained, virshOn } from './libvirt.ts'
import { find, parseXml } from './xml.ts'

export type Architecture = 'x86_64' | 'aarch64'

/** What VMs run on, and how that is known. */
export type Verdict = { readonly accelerator: 'kvm' | 'tcg'; readonly why: string }

export type AcceleratorQuestion = {
  readonly uri: string
  readonly wanted: Accelerator
  readonly architecture: Architecture
  /** Where the answer is kept, so that it is asked for once per boot of the hypervisor. */
  readonly stateFolder: string
  readonly signal: AbortSignal
}

/** With KVM the probe takes well under a second; this is for a machine under load. */
const probeSeconds = 10

/**
 * Whether KVM truly works on the hypervisor: libvirt must offer it, and a small 64-bit program must run under it, since
 * there are machines where `/dev/kvm` opens and kernels hang. On aarch64 libvirt's word is taken. Refused where the file
 * asks for KVM and there is none.
 */
export async function probeAccelerator(hypervisor: Host, question: AcceleratorQuestion): Promise<Verdict> {
  if (question.wanted === 'tcg') return { accelerator: 'tcg', why: 'the file asks for it' }
  const verdict = await inTurn(`accelerator ${question.stateFolder}`, question.signal, () =>
    judge(hypervisor, question),
  )
  if (question.wanted === 'kvm' && verdict.accelerator !== 'kvm') {
    throw refused(
      `hypervisor.accelerator is kvm, but ${verdict.why}`,
      'switch virtualization on in the hypervisor’s firmware (or nested virtualization in its own host) and load the kvm module; or set accelerator: auto',
    )
  }
  return verdict
}

async function judge(hypervisor: Host, question: AcceleratorQuestion): Promise<Verdict> {
  const { uri, architecture, stateFolder } = question
  // What changes when the answer might: a boot, another QEMU, another device or other rights to it.
  const { stdout } = await hypervisor.$`
    cat /proc/sys/kernel/random/boot_id
    ${`qemu-system-${architecture}`} --version 2> /dev/null | head -n 1 || true
    stat -c '%n %t:%T %a %u:%g' /dev/kvm 2> /dev/null || true`.quiet()
  const key = `${uri}\n${stdout.trim()}`
  const remembered = recall(stateFolder, key)
  if (remembered) return remembered
  const verdict = await askLibvirtAndTry(hypervisor, question)
  remember(stateFolder, key, verdict)
  return verdict
}

async function askLibvirtAndTry(hypervisor: Host, question: AcceleratorQuestion): Promise<Verdict> {
  const emulator = await emulatorWithKvm(hypervisor, question)
  if (!emulator) return { accelerator: 'tcg', why: 'libvirt offers no KVM on this host' }
  if (question.architecture === 'aarch64') return { accelerator: 'kvm', why: 'libvirt offers KVM' }
  return await bootProbe(hypervisor, emulator)
}

async function emulatorWithKvm(
  hypervisor: Host,
  { uri, architecture }: AcceleratorQuestion,
): Promise<string | undefined> {
  const machine = architecture === 'x86_64' ? 'q35' : 'virt'
  const answer = await virshOn(hypervisor, uri).try([
    ...['domcapabilities', '--virttype', 'kvm'],
    ...['--arch', architecture, '--machine', machine],
  ])
  if (answer.exitCode !== 0) {
    const reason = explained(answer)
    // A libvirt that does not answer has said nothing about KVM, and nothing is remembered of it.
    if (reason !== answer) throw reason
    return undefined
  }
  const capabilities = parseXml(answer.stdout).find(({ name }) => name === 'domainCapabilities')
  return capabilities && find(capabilities, ['path'])?.text
}

/** Bounded by `timeout`, in a folder of its own that goes away with the command. */
async function bootProbe(hypervisor: Host, emulator: string): Promise<Verdict> {
  const machine = ['-machine', 'q35,accel=kvm', '-cpu', 'host', '-m', '32']
  const bare = ['-nodefaults', '-display', 'none', '-no-reboot']
  const { stdout } = await hypervisor.$({ input: Buffer.from(probeDisk()) })`
    folder=$(mktemp -d); trap 'trap "" HUP INT TERM; rm -rf "$folder"' EXIT; cd "$folder"; cat > disk; touch serial
    timeout -k 1 ${probeSeconds} ${emulator} ${machine} ${bare} -serial file:serial \
      -drive file=disk,format=raw,if=virtio,readonly=on > errors 2>&1 && ended=0 || ended=$?
    echo "ended $ended"; cat serial errors`
  if (stdout.includes(marker)) return { accelerator: 'kvm', why: 'a 64-bit program ran under KVM' }
  const complaint = stdout.split('\n').find((line) => /error|failed|denied/i.test(line))
  const ending = /^ended (?:124|137)$/m.test(stdout) ? `wrote nothing for ${probeSeconds} seconds` : 'ended at once'
  return { accelerator: 'tcg', why: `a 64-bit program under KVM ${ending}${complaint ? ` (${complaint.trim()})` : ''}` }
}

const memoryFile = (stateFolder: string): string => join(stateFolder, 'accelerator.json')

function recall(stateFolder: string, key: string): Verdict | undefined {
  try {
    const memory = JSON.parse(readFileSync(memoryFile(stateFolder), 'utf8'))
    const { accelerator, why } = memory
    return memory.key === key && (accelerator === 'kvm' || accelerator === 'tcg') && typeof why === 'string'
      ? { accelerator, why }
      : undefined
  } catch {
    // Never asked, or not legible: ask again.
    return undefined
  }
}

const remember = (stateFolder: string, key: string, verdict: Verdict): void =>
  replaceFile(memoryFile(stateFolder), `${JSON.stringify({ key, ...verdict }, null, 2)}\n`)
