import type { Runtime } from '../runtime/runtime.ts'

/**
 * The kubelet's unit and kubeadm's drop-in. Distribution packages carry them, bare programs do not; the variables and
 * paths are those that kubeadm's own phases write.
 */
export function kubeletUnits(
  runtime: Pick<Runtime, 'service'>,
): readonly { readonly path: string; readonly content: string }[] {
  return [
    {
      path: '/etc/systemd/system/kubelet.service',
      content: `[Unit]
Description=Kubernetes node agent
Wants=network-online.target
After=network-online.target ${runtime.service}.service

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=5

[Install]
WantedBy=multi-user.target
`,
    },
    {
      path: '/etc/systemd/system/kubelet.service.d/10-kubeadm.conf',
      content: `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`,
    },
  ]
}
