#!/bin/sh
# Runs virtlogd and libvirtd on folders of their own. Called inside the lab's network namespace and a fresh mount
# namespace; whatever is mounted here is seen by nobody else and is gone with the last of these processes.
# usage: libvirtd.sh FOLDER hide-kvm|show-kvm
set -eu
folder=$1

# libvirt looks for bridges in /sys, which shows the network namespace that mounted it. It also looks for cgroups there,
# to put VMs into; without any it does without, and asks no systemd about it.
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys

for path in /etc/libvirt /run/libvirt /var/cache/libvirt /var/log/libvirt /var/lib/libvirt/qemu /var/lib/libvirt/dnsmasq; do
  mkdir -p "$path" "$folder$path"
  mount --bind "$folder$path" "$path"
done

# Root would find a broken /dev/kvm usable where the qemu user does not, and libvirt then probes qemu at every call.
if [ "$2" = hide-kvm ] && [ -e /dev/kvm ]; then
  : >"$folder/no-kvm"
  chmod 0 "$folder/no-kvm"
  mount --bind "$folder/no-kvm" /dev/kvm
fi

virtlogd --pid-file "$folder/virtlogd.pid" &
# A qemu that was killed stays a zombie until its parent reaps it, and libvirt waits for that: tini reaps at once.
exec tini -s -- libvirtd --pid-file "$folder/libvirtd.pid"
