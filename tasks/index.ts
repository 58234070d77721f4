import type { Task } from '../lib/task/task.ts'
import createNetworks from './create-networks.ts'
import createVms from './create-vms.ts'
import disableSwap from './disable-swap.ts'
import getToken from './get-token.ts'
import initCloudcore from './init-cloudcore.ts'
import initCluster from './init-cluster.ts'
import installCloudcore from './install-cloudcore.ts'
import installEdgecore from './install-edgecore.ts'
import installKubernetes from './install-kubernetes.ts'
import installNetwork from './install-network.ts'
import installRuntime from './install-runtime.ts'
import joinEdge from './join-edge.ts'
import joinWorker from './join-worker.ts'
import loadImages from './load-images.ts'
import loadKubeedgeImages from './load-kubeedge-images.ts'
import openPorts from './open-ports.ts'
import sendToken from './send-token.ts'
import setCgroupDriver from './set-cgroup-driver.ts'
import verify from './verify.ts'

/** Every built-in task, in the order of the story. Where each runs and what it waits for stands in kedge.config.yaml. */
export const tasks: Readonly<Record<string, Task>> = {
  'create-networks': createNetworks,
  'create-vms': createVms,
  'open-ports': openPorts,
  'disable-swap': disableSwap,
  'install-runtime': installRuntime,
  'set-cgroup-driver': setCgroupDriver,
  'load-images': loadImages,
  'load-kubeedge-images': loadKubeedgeImages,
  'install-kubernetes': installKubernetes,
  'init-cluster': initCluster,
  'install-network': installNetwork,
  'join-worker': joinWorker,
  'install-cloudcore': installCloudcore,
  'init-cloudcore': initCloudcore,
  'get-token': getToken,
  'install-edgecore': installEdgecore,
  'send-token': sendToken,
  'join-edge': joinEdge,
  verify,
}
