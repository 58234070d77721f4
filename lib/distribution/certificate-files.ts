import { controlPlane } from '../topology/addresses.ts'
import type { Node, Topology } from '../topology/topology.ts'

/** Certificates of one kind on a node, and who renews them. */
export type CertificateFiles = {
  /** Absolute paths and shell patterns, without blanks. Of a kubeconfig the client certificate in it counts. */
  readonly patterns: readonly string[]
  readonly renewsItself: boolean
  /** What to do when the end is near, and once it has passed where that is something else: to be typed, or followed. */
  readonly cure: string
  readonly cureOnceExpired?: string
}

/** `kedge ssh` with a command that needs root there. */
export const typedOn = (node: Node, command: string): string => {
  const isRoot = node.machine.kind !== 'existing' || node.machine.ssh.user === 'root'
  return `kedge ssh ${node.name} -- ${isRoot ? '' : 'sudo '}${command}`
}

/** Where kubeadm and its kubelets keep certificates; a file that fits several entries belongs to the first. */
export function kubeadmCertificates(topology: Topology, node: Node): readonly CertificateFiles[] {
  const master = controlPlane(topology)
  const kubelet: CertificateFiles = {
    patterns: ['/var/lib/kubelet/pki/kubelet-client-current.pem'],
    renewsItself: true,
    cure: typedOn(node, 'systemctl restart kubelet'),
    cureOnceExpired: `what \`${typedOn(master, `kubeadm kubeconfig user --org=system:nodes --client-name=system:node:${node.name}`)}\` prints becomes /etc/kubernetes/kubelet.conf on ${node.name}; then ${typedOn(node, 'systemctl restart kubelet')}`,
  }
  if (node.role !== 'control-plane') return [kubelet]
  const pki = '/etc/kubernetes/pki'
  return [
    {
      patterns: [`${pki}/ca.crt`, `${pki}/front-proxy-ca.crt`, `${pki}/etcd/ca.crt`],
      renewsItself: false,
      cure: 'kubeadm renews no CA: kedge destroy && kedge run all, or replace it by hand',
    },
    {
      patterns: [
        `${pki}/*.crt`,
        `${pki}/etcd/*.crt`,
        ...['admin', 'super-admin', 'controller-manager', 'scheduler'].map((name) => `/etc/kubernetes/${name}.conf`),
      ],
      renewsItself: false,
      // The control plane's programs read their certificates when they start, and its pods are no units to restart.
      cure: `${typedOn(node, 'kubeadm certs renew all')} && ${typedOn(node, 'reboot')}`,
    },
    kubelet,
  ]
}

/** Where K3s keeps certificates. It renews what is near its end whenever it starts, and only then. */
export function k3sCertificates(node: Node): readonly CertificateFiles[] {
  const isServer = node.role === 'control-plane'
  const folder = '/var/lib/rancher/k3s'
  const server = [`${folder}/server/tls`, `${folder}/server/tls/etcd`]
  const authorities: CertificateFiles = {
    patterns: server.map((path) => `${path}/*-ca.crt`),
    renewsItself: false,
    cure: 'K3s renews no CA by itself: k3s certificate rotate-ca, or kedge destroy && kedge run all',
  }
  return [
    ...(isServer ? [authorities] : []),
    {
      patterns: [
        ...(isServer ? server.map((path) => `${path}/*.crt`) : []),
        // The CAs beside them are copies of the server's.
        ...['client-kubelet', 'serving-kubelet', 'client-kube-proxy', 'client-k3s-controller'].map(
          (name) => `${folder}/agent/${name}.crt`,
        ),
      ],
      renewsItself: false,
      cure: typedOn(node, `systemctl restart ${isServer ? 'k3s' : 'k3s-agent'}`),
    },
  ]
}
