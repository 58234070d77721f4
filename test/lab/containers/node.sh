#!/bin/sh
# Boots one system container and stays with it. Called inside the lab's network namespace and a fresh mount namespace:
# the overlay is seen by nobody else and is gone with the container.
# usage: node.sh NAME FOLDER ROOT HOST_INTERFACE:GUEST_INTERFACE…
set -eu
name=$1 folder=$2 root=$3
shift 3

mkdir -p "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"

# With version 1 of cgroups there is no delegation: the container gets a group of its own in every hierarchy.
for hierarchy in /sys/fs/cgroup/*/; do
  [ -e "$hierarchy/cgroup.procs" ] || continue
  group=$hierarchy/kedge-lab/$name
  mkdir -p "$group"
  if [ -e "$hierarchy/cpuset.cpus" ]; then
    for level in "$hierarchy/kedge-lab" "$group"; do
      cat "$hierarchy/cpuset.cpus" >"$level/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$level/cpuset.mems"
      echo 1 >"$level/cgroup.clone_children"
    done
  fi
  echo $$ >"$group/cgroup.procs"
done

veths=
for pair; do veths="$veths --network-veth-extra=$pair"; done
binds=
# Overlays cannot lie on overlays: what runtimes put theirs on is a plain folder.
for path in /var/lib/containerd /var/lib/containers /var/lib/kubelet /var/lib/rancher /var/lib/edged; do
  mkdir -p "$folder/disk$path"
  binds="$binds --bind=$folder/disk$path:$path"
done

export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=0 SYSTEMD_SECCOMP=0 SYSTEMD_NSPAWN_LOCK=0
# shellcheck disable=SC2086 # lists of words
exec systemd-nspawn --quiet --boot --directory="$folder/root" --machine="$name" --hostname="$name" \
  --register=no --keep-unit --capability=all --private-users=no --console=pipe --bind=/dev/kmsg --resolv-conf=off \
  --timezone=off --system-call-filter='@keyring bpf' $veths $binds
