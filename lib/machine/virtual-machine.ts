import { refused } from '../event/failure.ts'
import { type Check, done, pending, type TaskContext } from '../task/task.ts'
import type { Machine } from '../topology/topology.ts'
import { type Architecture, probeAccelerator } from './accelerator.ts'
import { provideBaseImage, refuseUnfitImage } from './base-image.ts'
import { provideBundleDisk } from './bundle-disk.ts'
import { compareDomain, type DomainState } from './domain-state.ts'
import { domainXml, interfaceXml } from './domain-xml.ts'
import { addAddresses, missingAddresses } from './guest-network.ts'
import { readDefined, type Virsh, virshOn } from './libvirt.ts'
import { looseNics, plugBack } from './loose-nics.ts'
import type { MachineKind } from './machine.ts'
import { machineKeys } from './machine-keys.ts'
import { libvirtName, stableUuid } from './names.ts'
import { madeFor } from './ownership.ts'
import { removeMachine } from './remove-machine.ts'
import { seedImage } from './seed.ts'
import { type MachineFiles, machineFiles } from './storage.ts'
import { unlessUnreachable, waitForSsh } from './wait-for-ssh.ts'
import { formatXml } from './xml.ts'

/** A VM that kedge makes: a domain in libvirt, an overlay on the image of the bundle, and a seed that says who it is. */
export const virtualMachine: MachineKind = {
  check: checkMachine,
  create: createMachine,
  destroy: async ({ hypervisor, topology, node, stateFolder }) =>
    removeMachine(hypervisor, topology, node.name, stateFolder),
}

/** Everything that this file does happens to one VM. */
type Subject = {
  readonly ctx: TaskContext
  readonly machine: Extract<Machine, { kind: 'vm' }>
  readonly virsh: Virsh
  readonly domain: string
  readonly files: MachineFiles
}

function subjectOf(ctx: TaskContext): Subject {
  const { node, topology, hypervisor } = ctx
  if (node.machine.kind !== 'vm') throw new Error(`${node.name} is no VM`)
  return {
    ctx,
    machine: node.machine,
    virsh: virshOn(hypervisor, topology.hypervisor.uri),
    domain: libvirtName(topology.lab, node.name),
    files: machineFiles(topology, node.name),
  }
}

export async function checkMachine(ctx: TaskContext): Promise<Check> {
  const subject = subjectOf(ctx)
  const { domain, files } = subject
  const [state, hasDisk, loose] = await Promise.all([
    stateOf(subject),
    exists(ctx, files.disk),
    looseNics(ctx.hypervisor, ctx.topology, ctx.node),
  ])
  if (!state) return pending(`domain ${domain} is not defined`)
  if (!state.isOurs) return pending(`domain ${domain} was not made by kedge for this lab`)
  const faults = [
    ...state.differences,
    ...state.networksWithoutNic.map((network) => `no NIC on ${network}`),
    ...loose.map(({ network }) => `its NIC on ${network} is plugged in nowhere`),
    ...(hasDisk ? [] : [`its disk ${files.disk} is missing`]),
    ...(state.isRunning ? [] : [`it is ${state.state}`]),
  ]
  if (faults.length > 0) return pending(`${domain}: ${faults.join(', ')}`)
  const missing = await unlessUnreachable(() => missingAddresses(ctx))
  if (typeof missing === 'string') return pending(`${domain} does not answer over SSH: ${missing}`)
  if (missing.length === 0) return done
  return pending(
    `${domain}: ${missing.map(({ network, address }) => `no address ${address} on ${network}`).join(', ')}`,
  )
}

/**
 * From whatever is there to a VM that answers. What would need another machine (CPUs, memory) is refused: whoever wants
 * that destroys the VM first. A NIC that the file has got since is plugged in, into a running VM as well.
 */
export async function createMachine(ctx: TaskContext): Promise<void> {
  const subject = subjectOf(ctx)
  const { virsh, domain, files } = subject
  const state = await stateOf(subject)
  if (state) refuseUnlike(subject, state)
  else await refuseRenamed(subject)
  const hasDisk = await exists(ctx, files.disk)
  if (!hasDisk && state && state.state !== 'shut off') {
    throw refused(`${domain} is ${state.state}, but its disk ${files.disk} is gone`, cureByDestroying(ctx))
  }
  if (!hasDisk) await makeDisk(subject)
  if (!state) await define(subject)
  const isStarted = state !== undefined && (state.isRunning || state.state === 'paused')
  if (state?.state === 'paused') await virsh.run(['resume', domain])
  if (!isStarted) {
    await writeSeed(subject)
    for (const network of state?.networksWithoutNic ?? []) await attachNic(subject, network, ['--config'])
    await virsh.run(['start', domain])
  } else {
    // Before SSH is waited for: the management network may be the one.
    await plugBack(ctx.hypervisor, await looseNics(ctx.hypervisor, ctx.topology, ctx.node))
  }
  await waitForSsh(ctx, { virsh, domain, console: files.console })
  await plugIn(subject, isStarted ? state.networksWithoutNic : [])
}

async function stateOf({ ctx, machine, virsh, domain }: Subject): Promise<DomainState | undefined> {
  const defined = await readDefined(virsh, 'domain', domain)
  return defined && compareDomain(ctx.topology.lab, ctx.node, machine, defined)
}

function refuseUnlike({ ctx, domain }: Subject, state: DomainState): void {
  if (!state.isOurs) {
    throw refused(
      `libvirt domain ${domain} exists, but kedge did not make it for this lab`,
      `name the lab or the node differently in ${ctx.topology.file}, or remove that domain`,
    )
  }
  if (state.differences.length > 0)
    throw refused(`${domain} has ${state.differences.join(', ')}`, cureByDestroying(ctx))
}

/** libvirt would say no more than that the UUID is taken. */
async function refuseRenamed({ ctx, virsh, domain }: Subject): Promise<void> {
  const { lab } = ctx.topology
  const renamed = await readDefined(virsh, 'domain', stableUuid(lab, 'node', ctx.node.name))
  if (!renamed || !madeFor(lab, renamed.definition)) return
  throw refused(
    `libvirt domain ${domain} is called ${renamed.name} now`,
    `virsh domrename ${renamed.name} ${domain} while it is off, or kedge destroy --node ${ctx.node.name}; then run again`,
  )
}

const cureByDestroying = ({ node }: TaskContext): string => `kedge destroy --node ${node.name}, then run again`

const exists = async ({ hypervisor }: TaskContext, path: string): Promise<boolean> =>
  (await hypervisor.$`test -s ${path}`.nothrow()).exitCode === 0

/** An overlay as large as the file says; under its own name only when it is whole. */
async function makeDisk({ ctx, machine, files }: Subject): Promise<void> {
  const { hypervisor } = ctx
  const base = await provideBaseImage(ctx, ctx.asset(machine.image))
  await refuseUnfitImage(ctx, base, machine.image, machine.diskGiB)
  const aside = `${files.disk}.new`
  // The qemu user must be able to walk in, whatever root's umask.
  await hypervisor.$`umask 022; mkdir -p ${files.folder}`
  // All that the node keeps secret will be in it. libvirt hands it to the qemu user.
  await hypervisor.$`umask 077; qemu-img create -q -f qcow2 -F qcow2 -b ${base} ${aside} ${`${machine.diskGiB}G`}`
  await hypervisor.$`mv ${aside} ${files.disk}`
}

async function define({ ctx, machine, virsh, files }: Subject): Promise<void> {
  const { hypervisor, topology, node, stateFolder, signal } = ctx
  const architecture = (await hypervisor.$`uname -m`).stdout.trim() as Architecture
  const { uri, accelerator: wanted } = topology.hypervisor
  const verdict = await probeAccelerator(hypervisor, { uri, wanted, architecture, stateFolder, signal })
  if (verdict.accelerator === 'tcg') ctx.say(`without KVM: ${verdict.why}`)
  const { accelerator } = verdict
  const bundleDisk = await provideBundleDisk(ctx)
  const spec = {
    lab: topology.lab,
    node,
    machine,
    files,
    accelerator,
    architecture,
    ...(bundleDisk ? { bundleDisk } : {}),
  }
  await virsh.run(['define', '/dev/stdin'], domainXml(spec))
}

/** Where the VM runs already, the bytes change under the same file, which QEMU has open; the guest reads them at its next boot. */
async function writeSeed({ ctx, files }: Subject, isRunning = false): Promise<void> {
  const { hypervisor, topology, node, stateFolder } = ctx
  const { host, user } = machineKeys(stateFolder, node.name)
  for (const { privateKey } of [host, user]) ctx.secret(privateKey)
  const keys = { hostPrivate: host.privateKey, hostPublic: host.publicLine, userPublic: user.publicLine }
  const image = seedImage(topology, node, keys)
  if (!isRunning) return await hypervisor.write(files.seed, image, { mode: 0o600 })
  const aside = `${files.seed}.new`
  await hypervisor.write(aside, image, { mode: 0o600 })
  await hypervisor.$`cat ${aside} > ${files.seed}; rm ${aside}`
}

async function attachNic({ ctx, virsh, domain }: Subject, network: string, how: readonly string[]): Promise<void> {
  const nic = formatXml(interfaceXml(ctx.topology.lab, ctx.node.name, network))
  await virsh.run(['attach-device', domain, '/dev/stdin', ...how], nic)
}

/** The seed first: a run that ends in between finds the NIC or the address still missing, and comes here again. */
async function plugIn(subject: Subject, networks: readonly string[]): Promise<void> {
  const { ctx } = subject
  const missing = networks.length > 0 ? networks : (await missingAddresses(ctx)).map(({ network }) => network)
  if (missing.length === 0) return
  await writeSeed(subject, true)
  for (const network of networks) {
    ctx.say(`plugging in a NIC on ${network}`)
    await attachNic(subject, network, ['--live', '--config'])
  }
  await addAddresses(ctx, await missingAddresses(ctx))
}
