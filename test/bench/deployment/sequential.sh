#!/bin/bash
# The deployment as a shell script that does one step after the other: the same steps with the same commands as the playbook, over
# one connection to each node, which every command uses again.
# usage: sequential.sh WORK_FOLDER, where ssh_config is and the pieces of each node under its name
set -euo pipefail
cd "$1"
on() { # NODE STEP [WORD]
  local node=$1
  shift
  ssh -F ssh_config "$node" -- bash /var/lib/bench/steps.sh "$@" || { echo "$* on $node failed" >&2; exit 1; }
}
cloud='master worker' edges='edge-1 edge-2'
trap 'for node in $cloud $edges; do ssh -F ssh_config -O exit $node 2>/dev/null || true; done' EXIT

for node in $cloud $edges; do
  ssh -F ssh_config "$node" 'test -e /var/lib/bench/whole' ||
    tar -C "pieces/$node" -ch . | ssh -F ssh_config "$node" 'mkdir -p /var/lib/bench && tar -x -C /var/lib/bench && touch /var/lib/bench/whole'
done
for node in $cloud; do on $node open-ports; done
for step in disable-swap install-runtime set-cgroup-driver load-images; do
  for node in $cloud $edges; do on $node $step; done
done
for node in $cloud; do on $node install-kubernetes; done
on master init-cluster
on master install-network
on master worker-discovery worker | on worker join-worker
on master worker-is-ready worker
on master install-cloudcore
on master init-cloudcore
for node in $edges; do on $node install-edgecore; done
for node in $edges; do
  on master get-token | on $node send-token
  on $node join-edge
  on master edge-range $node | on $node edge-network
  on master edge-is-ready $node
done
for node in $cloud $edges; do on $node look; done
for node in $edges; do on master verify $node; done
