#!/bin/bash
# The steps of the deployment as one node does them, for both peers: each looks first and changes what is missing, with the
# commands that kedge's tasks use. The pieces of this node and the files that kedge would write lie beside this script.
# usage: steps.sh STEP [WORD]
set -eu
cd "$(dirname "$0")"
. ./node.env # role, name, and the words for keadm
export KUBECONFIG=/etc/kubernetes/admin.conf DEBIAN_FRONTEND=noninteractive LC_ALL=C

put() { cmp -s "$1" "$2" || install -D -m "${3:-644}" "$1" "$2"; }
# As often as a script would ask that is in a hurry, and for two minutes.
until_true() {
  local turn
  for ((turn = 0; turn < 240; turn++)); do "$@" && return; sleep 0.5; done
  echo "$*: not within two minutes" >&2
  return 1
}
packages() {
  local folder=/var/lib/bench-packages/$1
  shift
  dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -c '^installed$' | grep -qx $# && return
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/apt/none"
  tar -xf "packages/${folder##*/}.tar" -C "$folder"
  cd "$folder"
  echo "deb [trusted=yes] file:$folder ./" >apt/sources.list
  local own=(apt-get -qq -y -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/none"
    -o Dir::State::lists="$folder/apt/lists" -o Dir::Cache="$folder/apt" -o Dir::Cache::archives="$folder/apt/archives"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Check-Date=false)
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  "${own[@]}" update
  "${own[@]}" --no-remove --no-upgrade --no-install-recommends install $(cat install)
  rm -rf /usr/sbin/policy-rc.d "$folder"
  cd - >/dev/null
}
node_is_ready() {
  [ "$(kubectl get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ]
}
answers() { timeout 5 bash -c "exec 3<>/dev/tcp/${1/://}" 2>/dev/null; }
all_answer() {
  local address
  for address in $advertised; do
    answers "$address:10000" && answers "$address:10002" && answers "$address:10004" || return
  done
}

disable-swap() {
  [ -z "$(swapon --noheadings --show=NAME)" ] || swapoff --all
  [ ! -e /etc/fstab ] || ! awk '!/^[[:space:]]*#/ && $3 == "swap" { found = 1 } END { exit !found }' /etc/fstab ||
    sed -i -E '/^[^#].*[[:space:]]swap[[:space:]]/ s/^/# /' /etc/fstab
}

open-ports() {
  grep -qx 'ENABLED=yes' /etc/ufw/ufw.conf 2>/dev/null || return 0
  cmp -s etc/ufw-profile /etc/ufw/applications.d/kedge && ufw status verbose | grep -q '(kedge) *ALLOW IN' && return
  put etc/ufw-profile /etc/ufw/applications.d/kedge
  ufw app update kedge
  ufw allow kedge
}

install-runtime() {
  packages containerd containerd runc containernetworking-plugins
  mkdir -p /opt/cni/bin /etc/cni/net.d
  local plugin
  for plugin in /usr/lib/cni/*; do [ -e "/opt/cni/bin/${plugin##*/}" ] || ln -s "$plugin" /opt/cni/bin/; done
}

set-cgroup-driver() {
  if ! cmp -s etc/containerd.toml /etc/containerd/config.toml || ! systemctl is-active -q containerd; then
    systemctl stop containerd
    put etc/containerd.toml /etc/containerd/config.toml
    systemctl enable --now containerd
  fi
  containerd config dump | grep -q 'SystemdCgroup = true'
  until_true eval 'ctr plugins ls | grep -qE "^io.containerd.grpc.v1 +cri .*ok"'
}

load-images() {
  local present archive
  present=$(ctr -n k8s.io images ls -q)
  while read -r archive name; do
    grep -qxF "$name" <<<"$present" || printf '%s\0' "$archive"
  done <images.list | xargs -0 -r -n 1 -P 4 ctr -n k8s.io images import --platform linux/amd64
}

install-kubernetes() {
  packages kubernetes-node conntrack socat ebtables ethtool iptables
  local program
  for program in kubeadm kubelet kubectl crictl; do put "bin/$program" "/usr/local/bin/$program" 755; done
  put etc/modules /etc/modules-load.d/kedge.conf
  if ! cmp -s etc/sysctl /etc/sysctl.d/90-kedge.conf; then
    put etc/sysctl /etc/sysctl.d/90-kedge.conf
    modprobe -q br_netfilter || test -e /proc/sys/net/bridge
    sysctl -q -p /etc/sysctl.d/90-kedge.conf
  fi
  put etc/kubelet.service /etc/systemd/system/kubelet.service
  put etc/10-kubeadm.conf /etc/systemd/system/kubelet.service.d/10-kubeadm.conf
  systemctl is-enabled -q kubelet 2>/dev/null || { systemctl daemon-reload && systemctl enable kubelet; }
}

init-cluster() {
  [ -s $KUBECONFIG ] && [ "$(kubectl get --raw /healthz)" = ok ] || kubeadm init --config etc/kubeadm-init.json --skip-token-print
  label "$name"
}

label() { kubectl get node "$1" -l "lab=$1" -o name 2>/dev/null | grep -q . || kubectl label node "$1" "lab=$1" --overwrite; }

install-network() {
  kubectl get daemonset -n kube-flannel kube-flannel-ds -o name 2>/dev/null | grep -q . || kubectl apply -f etc/pod-network.json
  # Nothing of the cloud's may land on an edge.
  local kind object
  while read -r kind object; do
    kubectl -n kube-system get "$kind" "$object" -o json | grep -q 'node-role.kubernetes.io/edge' ||
      kubectl -n kube-system patch "$kind" "$object" --type=merge -p "$(cat etc/edge-guard.json)"
  done <<<$'daemonset kube-proxy\ndeployment coredns'
  if kubectl -n kube-system get configmap coredns -o json | grep -q 'forward . /etc/resolv.conf' && ! grep -q ^nameserver /etc/resolv.conf; then
    kubectl -n kube-system get configmap coredns -o json | python3 -c '
import json, re, sys
map = json.load(sys.stdin)
map["data"]["Corefile"] = re.sub(r"(?m)^[ \t]*forward \. /etc/resolv\.conf([ \t]*\{[^}]*\})?[ \t]*\n", "", map["data"]["Corefile"])
print(json.dumps({"data": map["data"]}))' >/run/bench-dns.json
    kubectl -n kube-system patch configmap coredns --type=merge -p "$(cat /run/bench-dns.json)"
    kubectl -n kube-system rollout restart deployment coredns
  fi
  until_true node_is_ready "$name"
}

# On the control plane, when the worker asks: what a join is told, unless it has joined already.
worker-discovery() { node_is_ready "$1" || kubeadm token create --ttl 30m --print-join-command; }

join-worker() {
  [ -s /etc/kubernetes/kubelet.conf ] && return
  local words
  read -ra words
  sed -e "s|ENDPOINT|${words[2]}|; s|TOKEN|${words[4]}|; s|HASH|${words[6]}|" etc/kubeadm-join.json >/run/bench-join.json
  kubeadm join --config /run/bench-join.json
  rm -f /run/bench-join.json
}

worker-is-ready() { until_true node_is_ready "$1" && label "$1"; }

install-cloudcore() { put bin/keadm /usr/local/bin/keadm 755; }

init-cloudcore() {
  kubectl -n kubeedge get deployment cloudcore -o name 2>/dev/null | grep -q . || eval "keadm init $keadm_init"
  until_true all_answer
}

get-token() {
  local secret='kubectl -n kubeedge get secret tokensecret -o jsonpath={.data.tokendata}'
  until_true eval "[ -n \"\$($secret 2>/dev/null)\" ]"
  $secret | base64 -d
}

install-edgecore() {
  put bin/keadm /usr/local/bin/keadm 755
  cmp -s etc/10-runtime.conf /etc/systemd/system/edgecore.service.d/10-runtime.conf && return
  put etc/10-runtime.conf /etc/systemd/system/edgecore.service.d/10-runtime.conf
  systemctl daemon-reload
}

# The token comes through standard input.
send-token() { [ -s /etc/kubeedge/certs/server.crt ] || (umask 077 && cat >/run/bench-token); }

join-edge() {
  if [ -s /etc/kubeedge/certs/server.crt ]; then
    systemctl is-active -q edgecore || systemctl enable --now edgecore
  else
    answers "$cloudcore:10000" && answers "$cloudcore:10002"
    eval "keadm join --token=$(cat /run/bench-token) $keadm_join"
    rm -f /run/bench-token
  fi
  local file=/etc/kubeedge/config/edgecore.yaml
  if ! grep -q "^ *nodeIP: $address\$" $file; then
    systemctl stop edgecore
    sed -i -E "s/^( *nodeIP:).*/\1 $address/; s/^( *customInterfaceName:).*/\1 \"\"/" $file
    systemctl start edgecore
  fi
}

# On the control plane: the range that the edge's pods have.
edge-range() {
  until_true eval "[ -n \"\$(kubectl get node $1 -o jsonpath={.spec.podCIDR} 2>/dev/null)\" ]"
  kubectl get node "$1" -o 'jsonpath={.spec.podCIDR}'
}

# The range comes through standard input.
edge-network() {
  local range
  read -r range || true
  sed "s|RANGE|$range|" etc/edge-network.json >/run/bench-network.json
  put /run/bench-network.json /etc/cni/net.d/10-kedge.conflist
}

edge-is-ready() { until_true node_is_ready "$1" && label "$1"; }

# On the control plane: a pod on each network of the edge runs, and its log can be read through CloudCore's tunnel.
verify() {
  kubectl get node "$1" -o json | grep -q '"bench/verified"' && return
  local network pod
  for network in true false; do
    sed -e "s/NAME/smoke-$1-$network/g; s/EDGE/$1/g; s/\"HOST_NETWORK\"/$network/" etc/smoke-pod.json | kubectl apply -f -
  done
  for network in true false; do
    pod=smoke-$1-$network
    until_true eval "[ \"\$(kubectl get pod $pod -o jsonpath={.status.phase})\" = Running ]"
    until_true eval "kubectl logs $pod --tail=20 2>/dev/null | grep -q smoke-marker"
    kubectl delete pod "$pod" --ignore-not-found --grace-period=1 --wait=false
  done
  kubectl annotate node "$1" bench/verified=yes
}

# What can be looked at: on the control plane the cluster, on an edge what it has to do with CloudCore.
look() {
  [ -z "$(swapon --noheadings --show=NAME)" ]
  if [ "$role" = edge ]; then
    local port
    for port in 10000 10002; do
      timeout 30 openssl s_client -connect "$cloudcore:$port" -CAfile /etc/kubeedge/ca/rootCA.crt -verify_ip "$cloudcore" \
        -verify_return_error </dev/null 2>&1 | grep -q 'Verification: OK'
    done
    answers "$cloudcore:10004"
    grep -qE '^ *cgroupDriver: *"?systemd' /etc/kubeedge/config/edgecore.yaml
  elif [ "$role" = control-plane ]; then
    kubectl get nodes -o json >/run/bench-nodes.json
    kubectl -n kube-system get deployment coredns -o json | grep -q '"availableReplicas"'
    kubectl get daemonsets --all-namespaces -o json >/run/bench-sets.json
    kubectl get pods --all-namespaces -o json >/run/bench-pods.json
    grep -q '^cgroupDriver: systemd' /var/lib/kubelet/config.yaml
  else
    grep -q '^cgroupDriver: systemd' /var/lib/kubelet/config.yaml
  fi
}

"$@"
