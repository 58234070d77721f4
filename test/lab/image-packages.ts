import type { Distribution } from './packages.ts'

/** What the VMs start with: a small cloud image's worth, nothing that kedge is there to install. */
export const imagePackages = (id: Distribution['id']): string[] => [
  'systemd',
  'systemd-sysv',
  'dbus',
  'udev',
  'openssh-server',
  'openssl',
  'cloud-init',
  'cloud-guest-utils',
  'python3-yaml',
  'iproute2',
  'nftables',
  'procps',
  'kmod',
  'sudo',
  'tar',
  'zstd',
  'ufw',
  'initramfs-tools',
  id === 'ubuntu' ? 'linux-image-virtual' : 'linux-image-cloud-amd64',
]

/** Nobody reads these in a VM that lives for minutes, and unpacking them takes seconds. */
const leftOut = [
  '/usr/share/man/*',
  '/usr/share/doc/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
  '/usr/share/bash-completion/*',
  '/usr/lib/udev/hwdb.d/*',
  '/lib/udev/hwdb.d/*',
  '/lib/modules/*/kernel/sound/*',
  '/lib/modules/*/kernel/arch/x86/kvm/*',
  '/lib/modules/*/kernel/arch/x86/crypto/*',
  '/lib/modules/*/kernel/drivers/*',
]

/** Drivers of a virtual machine, and of the networks that Kubernetes builds. */
const keptDrivers = [
  'ata/*',
  'block/*',
  'cdrom/*',
  'char/hw_random/*',
  'char/virtio_console.ko*',
  'net/bonding/*',
  'net/dummy.ko*',
  'net/geneve.ko*',
  'net/ifb.ko*',
  'net/ipvlan/*',
  'net/macvlan.ko*',
  'net/net_failover.ko*',
  'net/tun.ko*',
  'net/veth.ko*',
  'net/virtio_net.ko*',
  'net/vrf.ko*',
  'net/vxlan/*',
  'net/wireguard/*',
  'ptp/*',
  'scsi/*',
  'virtio/*',
]

export const dpkgOptions: string[] = [
  'force-unsafe-io',
  ...leftOut.map((path) => `path-exclude=${path}`),
  ...keptDrivers.map((path) => `path-include=/lib/modules/*/kernel/drivers/${path}`),
]

/** Timers and services that would only cost boot time, which an emulated processor has little of. */
export const maskedUnits: readonly string[] = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'man-db.timer',
  'motd-news.timer',
  'cloud-init.service',
  'cloud-config.service',
  'cloud-final.service',
  'cloud-init-hotplugd.socket',
  'getty@tty1.service',
  'serial-getty@ttyS0.service',
  'systemd-networkd-wait-online.service',
  'systemd-pstore.service',
  'systemd-binfmt.service',
  'proc-sys-fs-binfmt_misc.automount',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-config.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'modprobe@configfs.service',
  'modprobe@dm_mod.service',
  'modprobe@drm.service',
  'modprobe@efi_pstore.service',
  'modprobe@fuse.service',
  'modprobe@loop.service',
]
