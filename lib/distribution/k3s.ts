import { refused } from '../event/failure.ts'
import { pending } from '../task/task.ts'
import { k3sCertificates } from './certificate-files.ts'
import type { Distribution } from './distribution.ts'

const notYet = () => {
  throw refused('this kedge cannot build a K3s cluster yet', 'set `kubernetes: { distribution: kubeadm }`')
}
const todo = async () => pending('K3s is not supported yet')

/** K3s' paths; its installation is still to come, and says so before anything is touched. */
export const k3s: Distribution = {
  kubeconfig: '/etc/rancher/k3s/k3s.yaml',
  kubectl: ['k3s', 'kubectl'],
  certificates: (_topology, node) => k3sCertificates(node),
  checkInstalled: todo,
  install: notYet,
  checkCluster: todo,
  initCluster: notYet,
  checkNetwork: todo,
  installNetwork: notYet,
  checkWorker: todo,
  joinWorker: notYet,

  async kubeletCgroupDriver({ host }) {
    return /\bcgroup-driver=(\w+)/.exec((await host.read('/etc/rancher/k3s/config.yaml')) ?? '')?.[1]
  },
}
