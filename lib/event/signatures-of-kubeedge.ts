import type { Signature } from './known-failure.ts'

const rejoin = 'kedge ssh {node} -- sudo keadm reset edge --force; kedge run join-edge --on {node}'
const freshToken = 'kedge run join-edge --on {node}'
/** Where edgecore names CloudCore: a complaint about another server's certificate is not to be taken for one about it. */
const cloudcore = '(?:edge\\.crt|ca\\.crt|websocket|:1000[0-4]).*'

/** What goes wrong between an edge and CloudCore, and what keadm refuses. */
export const signaturesOfKubeEdge: readonly Signature[] = [
  {
    name: 'token-expired',
    patterns: [/token validation failure, err: .*token is expired/i],
    seenIn: ['edgecore', 'cloudcore'],
    cause:
      "the join token has expired: CloudCore's refresh ends for good after one failure and goes on serving the old one",
    cure: freshToken,
  },
  {
    name: 'token-signature',
    patterns: [/token validation failure, err: .*signature is invalid/],
    seenIn: ['edgecore', 'cloudcore'],
    cause: 'the join token was signed with the key of another CA than CloudCore has now',
    cure: freshToken,
  },
  {
    name: 'token-of-another-ca',
    patterns: [/failed to validate CA certificate\. tokenCAhash/],
    seenIn: ['edgecore'],
    cause: 'the join token belongs to another CA than the one that CloudCore serves',
    cure: freshToken,
  },
  {
    name: 'token-malformed',
    patterns: [/credentials are in the wrong format/, /token validation failure, token (?:is empty|cannot be split)/],
    seenIn: ['edgecore', 'cloudcore'],
    cause: 'the join token is damaged: it is not hash.JWT',
    cure: freshToken,
  },
  {
    name: 'clock-behind',
    patterns: [/x509: certificate has expired or is not yet valid: current time (?<now>\S+) is before (?<start>\S+)/],
    seenIn: ['edgecore', 'kubelet', 'kubeadm', 'cloudcore'],
    cause: 'the clock of {node} is behind: it says {now}, and the certificate begins at {start}',
    cure: 'kedge ssh {node} -- sudo date -s @$(date +%s)',
  },
  {
    name: 'certificate-expired',
    patterns: [/x509: certificate has expired or is not yet valid: current time (?<now>\S+) is after (?<end>\S+)/],
    seenIn: ['edgecore', 'kubelet', 'kubeadm', 'cloudcore'],
    cause: 'a certificate ended at {end}, or the clock of {node} is ahead: it says {now}',
    cure: 'kedge status',
  },
  {
    name: 'edge-certificate-expired',
    patterns: [new RegExp(`${cloudcore}remote error: tls: expired certificate`)],
    seenIn: ['edgecore'],
    cause: 'the certificate of {node} has expired, and CloudCore renews none that has: the edge must join again',
    cure: freshToken,
  },
  {
    name: 'address-not-in-certificate',
    patterns: [
      new RegExp(`${cloudcore}x509: certificate is valid for .+, not (?<address>\\S+)`),
      new RegExp(`${cloudcore}x509: cannot validate certificate for (?<address>\\S+) because`),
      new RegExp(`${cloudcore}x509: certificate is not valid for any names, but wanted to match (?<address>\\S+)`),
    ],
    seenIn: ['edgecore'],
    cause: "CloudCore's certificate does not name {address}, where this edge reaches it",
    cure: 'kedge run init-cloudcore',
  },
  {
    name: 'ca-made-anew',
    patterns: [
      new RegExp(`${cloudcore}x509: certificate signed by unknown authority`),
      new RegExp(`${cloudcore}remote error: tls: (?:bad certificate|unknown certificate authority)`),
      /failed to verify (?:client|edge) certificate: x509: certificate signed by unknown authority/,
    ],
    seenIn: ['edgecore', 'cloudcore'],
    cause: "CloudCore and this edge do not have the same CA: CloudCore's was made anew, and each edge must join again",
    cure: rejoin,
  },
  {
    name: 'certificate-of-another-name',
    patterns: [/certificate CN (?<found>\S+) does not match node name (?<wanted>\S+)/],
    seenIn: ['edgecore'],
    cause: 'this machine has joined as {found} before, and is now to be {wanted}',
    cure: rejoin,
  },
  {
    name: 'cloudcore-unreachable',
    patterns: [
      /dial tcp (?<address>[\w.]+:1000[0-4]): (?:connect: )?(?:connection refused|i\/o timeout|no route to host|network is un|connection timed out)/,
    ],
    seenIn: ['keadm', 'edgecore'],
    cause: 'CloudCore does not answer on {address} from {node}',
    cure: 'kedge run open-ports init-cloudcore',
  },
  {
    name: 'node-name-taken',
    patterns: [/node already exists or internal error occurred, cannot register again/],
    seenIn: ['keadm'],
    cause: 'the cluster has a node {node} already, of another machine or of an earlier join',
    cure: 'kedge kubectl delete node {node}; kedge run join-edge --on {node}',
  },
  {
    name: 'folder-not-empty',
    patterns: [/the management directory (?<folder>\S+) is not clean/],
    seenIn: ['keadm'],
    cause: '{folder} holds what an earlier join left',
    cure: rejoin,
  },
  {
    name: 'edgecore-runs-already',
    patterns: [/EdgeCore is already running on this node/],
    seenIn: ['keadm'],
    cause: 'edgecore of an earlier join still runs on {node}',
    cure: rejoin,
  },
  {
    name: 'kubelet-on-edge',
    patterns: [/kubelet should not (?:be )?running on edge node/],
    seenIn: ['edgecore'],
    cause: 'a kubelet runs on {node}, and edgecore does not start beside one',
    cure: 'kedge ssh {node} -- sudo systemctl disable --now kubelet',
  },
  {
    name: 'kube-proxy-on-edge',
    patterns: [/kube-proxy should not (?:be )?running on edge node/],
    seenIn: ['edgecore'],
    cause: 'a kube-proxy runs on {node}, and edgecore up to 1.18 does not start beside one',
    cure: 'kedge run install-network; kedge ssh {node} -- sudo pkill -x kube-proxy',
  },
  {
    name: 'nic-missing',
    patterns: [/Failed to get IP address by custom interface (?<nic>[^,\s]+)/],
    seenIn: ['edgecore'],
    cause: 'edgecore is to take its address from {nic}, and that NIC has none',
    cure: 'kedge ssh {node} -- ip -brief address',
  },
  {
    name: 'sudo-missing',
    patterns: [/sudo: (?:command )?not found/],
    seenIn: ['keadm'],
    cause: 'keadm calls sudo, also as root, and {node} has none',
    cure: 'kedge ssh {node} -- apt-get install --yes sudo',
  },
  {
    name: 'unknown-setting',
    patterns: [/No such field: ?(?<field>\S*) ?in Config/, /unknown flag: (?<field>--[\w-]+)/],
    seenIn: ['keadm', 'kubeadm'],
    cause: 'this release does not know the setting {field}: the program is of another version than the file names',
    cure: 'kedge ssh {node} -- keadm version',
  },
  {
    name: 'release-exists',
    patterns: [
      /cannot re-use a name that is still in use/,
      /the cloudcore release already exists/,
      /another operation \(install\/upgrade\/rollback\) is in progress/,
    ],
    seenIn: ['keadm'],
    cause: 'an earlier keadm init left its Helm release, whole or in part',
    cure: 'kedge run init-cloudcore',
  },
]
