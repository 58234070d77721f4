import type { Signature } from './known-failure.ts'

/** What goes wrong on a machine before KubeEdge has a part in it: kubelet, kubeadm, container runtime. */
export const signaturesOfNodes: readonly Signature[] = [
  {
    name: 'swap-on',
    patterns: [/running with swap on is not supported/i],
    seenIn: ['kubelet', 'kubeadm'],
    cause: 'swap is on, and the kubelet does not start with it',
    cure: 'kedge run disable-swap --on {node}',
  },
  {
    name: 'cgroup-driver',
    patterns: [
      /expected cgroupsPath to be of format/,
      /did not receive slice as parent/,
      /kubelet cgroup driver: \S+ is different from/,
    ],
    seenIn: ['keadm', 'edgecore', 'kubelet', 'runtime'],
    cause: 'the container runtime and the kubelet in edgecore do not use the same cgroup driver',
    cure: 'kedge run set-cgroup-driver --on {node}',
  },
  {
    name: 'cri-disabled',
    patterns: [/unknown service runtime\.v1(?:alpha2)?\.(?:Image|Runtime)Service/],
    seenIn: ['keadm', 'edgecore', 'kubeadm', 'kubelet'],
    cause: "the runtime runs without its CRI plug-in, as Docker's containerd.io package configures it",
    cure: 'kedge run set-cgroup-driver --on {node}',
  },
  {
    name: 'runtime-down',
    patterns: [/dial unix (?<socket>\S+?(?:containerd|crio)\.sock): connect: (?:no such file|connection refused)/],
    seenIn: ['keadm', 'edgecore', 'kubeadm', 'kubelet'],
    cause: 'no container runtime answers on {socket}',
    cure: 'kedge run install-runtime set-cgroup-driver --on {node}',
  },
  {
    name: 'sandbox-image',
    patterns: [/failed to get sandbox image \\*"(?<image>[^"\\]+)/],
    seenIn: ['keadm', 'edgecore', 'kubelet', 'runtime'],
    cause: "the runtime's sandbox image {image} is not on {node}, and cannot be pulled from there",
    cure: 'kedge run load-images set-cgroup-driver --on {node}',
  },
  {
    name: 'sandbox-timeout',
    patterns: [
      /RunPodSandbox from runtime service failed.*DeadlineExceeded/,
      /copy resources failed: rpc error: code = DeadlineExceeded/,
    ],
    seenIn: ['keadm', 'edgecore'],
    cause: "no sandbox within 20 s: as a rule the runtime's own sandbox image is missing and its pull hangs",
    cure: 'kedge run load-images set-cgroup-driver --on {node}',
  },
  {
    name: 'sandbox-name-reserved',
    patterns: [
      /failed to reserve sandbox name \\*"(?<sandbox>[^"\\]+)/,
      /The name\s+\\*"(?<sandbox>[^"\\]+)\\*" is already in use by sandbox/,
    ],
    seenIn: ['keadm', 'edgecore', 'runtime'],
    cause: 'an earlier attempt that was cut off left its sandbox {sandbox} in the runtime',
    cure: `kedge ssh {node} -- 'sudo ctr -n k8s.io tasks ls -q | xargs -r -n1 sudo ctr -n k8s.io tasks rm -f; sudo systemctl restart containerd'`,
  },
  {
    name: 'image-not-there',
    patterns: [
      /^(?!.*sandbox image).*failed to resolve (?:reference|image) \\*"(?<image>[^"\\]+)/,
      /Back-off pulling image \\*"(?<image>[^"\\]+)/,
      /Container image \\*"(?<image>[^"\\]+)\\*" is not present with pull policy of Never/,
    ],
    seenIn: ['keadm', 'kubeadm', 'edgecore', 'kubelet', 'cloudcore', 'runtime', 'pod'],
    cause: 'the image {image} is not on {node}, and cannot be pulled from there',
    cure: 'kedge run load-kubeedge-images --on {node}',
  },
  {
    name: 'disk-full',
    patterns: [
      /no space left on device/i,
      /kubelet has disk pressure/,
      /low on resource: ephemeral-storage/,
      /must evict pod\(s\) to reclaim/,
    ],
    seenIn: ['keadm', 'edgecore', 'kubeadm', 'kubelet', 'runtime', 'pod'],
    cause: 'a disk of {node} is full, or so nearly that pods are evicted',
    cure: 'kedge ssh {node} -- df -h',
  },
  {
    name: 'port-in-use',
    patterns: [
      /\[ERROR Port-\d+\]: Port (?<port>\d+) is in use/,
      /listen (?:tcp|udp)[46]? \S*:(?<port>\d+): bind: address already in use/,
    ],
    seenIn: ['kubeadm', 'cloudcore', 'edgecore', 'kubelet'],
    cause: 'port {port} is taken by another program on {node}',
    cure: `kedge ssh {node} -- "sudo ss -lntup 'sport = :{port}'"`,
  },
  {
    name: 'program-missing',
    patterns: [/\[ERROR FileExisting-[\w-]+\]: (?<program>\S+) not found in system path/],
    seenIn: ['kubeadm'],
    cause: '{program} is not installed on {node}, and kubeadm needs it',
    cure: 'kedge run install-kubernetes --on {node}',
  },
  {
    name: 'kernel-settings',
    patterns: [/\[ERROR FileContent--proc-sys-net-[\w-]+\]: (?<path>\S+) (?:does not exist|contents are not set)/],
    seenIn: ['kubeadm'],
    cause: 'the kernel of {node} is not set up for pod networks ({path})',
    cure: 'kedge run install-kubernetes --on {node}',
  },
  {
    name: 'earlier-cluster',
    patterns: [/\[ERROR (?:Dir|File)Available--\S+\]: (?<path>\S+) (?:is not empty|already exists)/],
    seenIn: ['kubeadm'],
    cause: '{node} still has {path} of an earlier cluster',
    cure: 'kedge ssh {node} -- sudo kubeadm reset --force',
  },
  {
    name: 'worker-name-taken',
    patterns: [/a Node with name "(?<name>[^"]+)" and status "Ready" already exists in the cluster/],
    seenIn: ['kubeadm'],
    cause: 'another machine is in the cluster under the name {name}',
    cure: 'kedge kubectl delete node {name}, once that machine has left, or another name for one of them',
  },
  {
    name: 'bootstrap-token-expired',
    patterns: [/could not find a JWS signature in the cluster-info ConfigMap/],
    seenIn: ['kubeadm'],
    cause: 'the bootstrap token for this join has expired or was deleted',
    cure: 'kedge run join-worker --on {node}',
  },
  {
    name: 'no-default-route',
    // kubeadm also warns of it on every join, and goes on.
    patterns: [/^(?!.*WARNING: ).*no default routes found in "/, /unable to select an IP from default routes/],
    seenIn: ['kubeadm', 'kubelet', 'pod'],
    cause: "{node} has no default route, and a program takes the node's address from it",
    cure: 'kedge ssh {node} -- ip route',
  },
]
