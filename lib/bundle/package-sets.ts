/** What each `os-packages` piece is there to install, by the piece's name; what these depend on comes along. */
export const packageSets: Readonly<Record<string, readonly string[]>> = {
  containerd: ['containerd', 'runc', 'containernetworking-plugins', 'iptables'],
  'cri-o': ['cri-o', 'runc', 'conmon', 'containernetworking-plugins', 'skopeo', 'iptables'],
  'kubernetes-node': ['conntrack', 'socat', 'ebtables', 'ethtool', 'iptables', 'ipset'],
}
