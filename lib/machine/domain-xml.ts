import type { Machine, Node } from '../topology/topology.ts'
import type { BundleDisk } from './bundle-disk.ts'
import { libvirtName, macAddress, stableUuid } from './names.ts'
import { ownerMetadata } from './ownership.ts'
import type { MachineFiles } from './storage.ts'
import { formatXml, type XmlElement, xml } from './xml.ts'

/** What a domain is made of beyond what the file says of the node. */
export type DomainSpec = {
  readonly lab: string
  readonly node: Node
  readonly machine: Extract<Machine, { kind: 'vm' }>
  readonly files: MachineFiles
  /** The bundle, where there is one for VMs. */
  readonly bundleDisk?: BundleDisk
  readonly accelerator: 'kvm' | 'tcg'
  /** As `uname -m` says it. */
  readonly architecture: 'x86_64' | 'aarch64'
}

/**
 * How many NICs can be added to a running VM. A PCIe port takes one device, and ports cannot be added later; each costs
 * the guest a few milliseconds at boot.
 */
const spareNicPorts = 8

/** The whole definition of a node's VM. Everything in it follows from the spec, UUID and MAC addresses included. */
export function domainXml(spec: DomainSpec): string {
  const { lab, node, machine, accelerator } = spec
  return formatXml(
    xml('domain', { type: accelerator === 'kvm' ? 'kvm' : 'qemu' }, [
      xml('name', {}, libvirtName(lab, node.name)),
      xml('uuid', {}, stableUuid(lab, 'node', node.name)),
      ownerMetadata({ lab, node: node.name }),
      xml('memory', { unit: 'MiB' }, String(machine.memoryMiB)),
      xml('vcpu', { placement: 'static' }, String(machine.cpus)),
      ...platform(spec),
      xml('clock', { offset: 'utc' }),
      xml('on_poweroff', {}, 'destroy'),
      xml('on_reboot', {}, 'restart'),
      // A guest that panicked is stopped, so that waiting for it ends at once instead of at the timeout.
      xml('on_crash', {}, 'destroy'),
      xml('devices', {}, devices(spec)),
    ]),
  )
}

/** One virtio NIC on a network of the lab; also what is attached to a VM that lacks it. */
export const interfaceXml = (lab: string, node: string, network: string): XmlElement =>
  xml('interface', { type: 'network' }, [
    xml('mac', { address: macAddress(lab, node, network) }),
    xml('source', { network: libvirtName(lab, network) }),
    xml('model', { type: 'virtio' }),
  ])

function platform({ architecture, accelerator }: DomainSpec): XmlElement[] {
  const cpu =
    accelerator === 'kvm'
      ? xml('cpu', { mode: 'host-passthrough', check: 'none' })
      : xml('cpu', { mode: 'maximum', check: 'none' })
  const boot = xml('boot', { dev: 'hd' })
  if (architecture === 'aarch64') {
    return [
      xml('os', { firmware: 'efi' }, [xml('type', { arch: 'aarch64', machine: 'virt' }, 'hvm'), boot]),
      xml('features', {}, [xml('acpi'), xml('gic', { version: accelerator === 'kvm' ? 'host' : '3' })]),
      cpu,
    ]
  }
  return [
    xml('os', {}, [xml('type', { arch: 'x86_64', machine: 'q35' }, 'hvm'), boot]),
    xml('features', {}, [xml('acpi'), xml('apic')]),
    cpu,
  ]
}

/** By which the guest finds the bundle's disk: `/dev/disk/by-id/virtio-kedge-bundle`. */
export const bundleSerial = 'kedge-bundle'

/** The bundle as a disk; also what is attached to a VM that lacks it. */
export function bundleDiskXml({ path, slice }: BundleDisk, target: string): XmlElement {
  const part = slice && xml('slice', { type: 'storage', offset: slice.offset, size: slice.sizeBytes })
  // A VM that is started after the bundle was moved starts without it.
  const source = xml('source', { file: path, startupPolicy: 'optional' }, [
    ...(part ? [xml('slices', {}, [part])] : []),
    // The file is its owner's: libvirt would give it to the qemu user, and not give it back.
    xml('seclabel', { model: 'dac', relabel: 'no' }),
  ])
  const about = [xml('serial', {}, bundleSerial), xml('readonly'), xml('shareable')]
  return disk(source, 'raw', target, about)
}

function devices({ lab, node, files, bundleDisk }: DomainSpec): XmlElement[] {
  return [
    disk(file(files.disk), 'qcow2', 'vda', []),
    // A virtio disk and no CD-ROM: kernels made for clouds have no driver for q35's SATA controller.
    disk(file(files.seed), 'raw', 'vdb', [xml('readonly')]),
    ...(bundleDisk ? [bundleDiskXml(bundleDisk, 'vdc')] : []),
    xml('controller', { type: 'usb', model: 'none' }),
    ...pciPorts(node.networks.length + (bundleDisk ? 1 : 0)),
    ...node.networks.map(({ network }) => interfaceXml(lab, node.name, network)),
    // `virsh console` works, and everything is in the file besides.
    xml('serial', { type: 'pty' }, [xml('log', { file: files.console, append: 'off' })]),
    xml('channel', { type: 'unix' }, [xml('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })]),
    xml('rng', { model: 'virtio' }, [xml('backend', { model: 'random' }, '/dev/urandom')]),
    xml('memballoon', { model: 'none' }),
  ]
}

const file = (path: string) => xml('source', { file: path })

const disk = (source: XmlElement, format: 'qcow2' | 'raw', target: string, more: readonly XmlElement[]): XmlElement =>
  xml('disk', { type: 'file', device: 'disk' }, [
    // The host's cache with the guest's flushes honoured: a power loss costs no more than on bare metal.
    xml('driver', {
      name: 'qemu',
      type: format,
      cache: 'writeback',
      ...(format === 'qcow2' ? { discard: 'unmap' } : {}),
    }),
    source,
    xml('target', { dev: target, bus: 'virtio' }),
    ...more,
  ])

/** The root, and a port for each device on PCIe (NICs and the bundle; two disks, channel, rng) and for each NIC to come. */
function pciPorts(variableCount: number): XmlElement[] {
  const ports = variableCount + 4 + spareNicPorts
  return [
    xml('controller', { type: 'pci', index: 0, model: 'pcie-root' }),
    ...Array.from({ length: ports }, (_, index) =>
      xml('controller', { type: 'pci', index: index + 1, model: 'pcie-root-port' }),
    ),
  ]
}
