import type { Signature } from './known-failure.ts'

/** What other failures bring about, and what stands in the journal of a node that is only on its way: asked last. */
export const symptoms: readonly Signature[] = [
  {
    name: 'service-address-on-edge',
    patterns: [
      /dial tcp (?<address>(?:\d+\.){3}1:443): (?:connect: )?(?:network is un|no route to host|i\/o timeout|connection refused)/,
    ],
    seenIn: ['pod', 'edgecore'],
    cause: "a pod of the cloud's is on the edge and asks for {address}: Services' addresses do not work there",
    cure: 'kedge run install-network',
  },
  {
    name: 'api-server-unreachable',
    patterns: [
      /dial tcp (?<address>[\w.]+:6443): (?:connect: )?(?:connection refused|i\/o timeout|no route to host|network is un)/,
    ],
    seenIn: ['kubeadm', 'kubelet', 'keadm', 'cloudcore', 'pod'],
    cause: 'the API server does not answer on {address}',
    cure: 'kedge run open-ports init-cluster',
  },
  {
    name: 'no-pod-network',
    patterns: [/cni plugin not initialized/, /cni config uninitialized/, /No CNI configuration file in/],
    seenIn: ['edgecore', 'kubelet'],
    cause: '{node} has no pod network yet: nothing valid lies in /etc/cni/net.d',
    cure: 'kedge run all --on {node}',
  },
  {
    name: 'no-broker',
    patterns: [/connect error: [Nn]etwork [Ee]rror : dial tcp (?<broker>\S+:188\d): connect: connection refused/],
    seenIn: ['edgecore'],
    cause: 'edgecore is set up for an MQTT broker on {broker}, and none runs there',
    cure: 'kedge ssh {node} -- grep -n mqttMode /etc/kubeedge/config/edgecore.yaml',
  },
  {
    name: 'kubelet-not-healthy',
    patterns: [
      /\[kubelet-check\] It seems like the kubelet isn't running or healthy/,
      /The kubelet is not healthy after/,
    ],
    seenIn: ['kubeadm'],
    cause: 'the kubelet of {node} does not come up; its own journal says why',
    cure: 'kedge why {node}',
    isVague: true,
  },
  {
    name: 'gave-up-waiting',
    patterns: [
      /(?:Error|failed): +(?:edge node join failed: )?timed out waiting for the condition/,
      /Error: (?:failed to install release cloudcore, err: .*)?context deadline exceeded/,
    ],
    seenIn: ['keadm'],
    cause: 'keadm gave up waiting and does not say for what; the journal of {node} may',
    cure: 'kedge why {node}',
    isVague: true,
  },
]
