"""DaemonSets, Deployments and the scheduler: what puts pods on nodes, and so shows an edge that nobody guarded."""

import copy
import hashlib
import json
import os

from standin.admission import admit
from standin.ground import Refusal, klog, now_text
from standin.kinds import KINDS, by_version
from standin.selection import fits, host_ports, is_ready, untolerated

_POD = by_version(KINDS, 'v1', 'Pod')
_DAEMON_TOLERATIONS = [
    {'key': 'node.kubernetes.io/not-ready', 'operator': 'Exists', 'effect': 'NoExecute'},
    {'key': 'node.kubernetes.io/unreachable', 'operator': 'Exists', 'effect': 'NoExecute'},
    *({'key': f'node.kubernetes.io/{name}', 'operator': 'Exists', 'effect': 'NoSchedule'}
      for name in ('disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable', 'not-ready', 'unreachable', 'network-unavailable')),
]


def _hash(template):
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def _make_pod(store, owner, name, extra_labels, node_name=None, tolerations=()):
    template = copy.deepcopy(owner['spec']['template'])
    meta = {**template.get('metadata', {}), 'name': name, 'namespace': owner['metadata']['namespace']}
    meta['labels'] = {**(meta.get('labels') or {}), **extra_labels}
    meta['ownerReferences'] = [{'apiVersion': owner['apiVersion'], 'kind': owner['kind'], 'name': owner['metadata']['name'],
                                'uid': owner['metadata']['uid'], 'controller': True}]
    spec = template['spec']
    spec['tolerations'] = [*(spec.get('tolerations') or []), *copy.deepcopy(list(tolerations))]
    if node_name:
        spec['nodeName'] = node_name
    pod = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': meta, 'spec': spec}
    try:
        store.put('pods', admit(store, _POD, pod))
    except Refusal as error:
        klog(f'{owner["kind"]} {meta["namespace"]}/{owner["metadata"]["name"]}: {error}', 'W')
        return str(error)
    return None


def _pods_of(store, owner):
    return [pod for pod in store.list('pods', owner['metadata']['namespace'])
            if any(one['uid'] == owner['metadata']['uid'] for one in pod['metadata'].get('ownerReferences') or [])]


def _end(store, pod):
    meta = pod['metadata']
    if not pod['spec'].get('nodeName'):
        store.remove('pods', meta['namespace'], meta['name'])
    elif not meta.get('deletionTimestamp'):
        meta['deletionTimestamp'] = now_text()
        store.put('pods', pod)


def _lives(pod):
    return not pod['metadata'].get('deletionTimestamp')


def sync_daemonsets(server):
    store = server.store
    nodes = store.list('nodes')
    for daemon in store.list('daemonsets'):
        revision, pods = _hash(daemon['spec']['template']), _pods_of(store, daemon)
        wanted = {node['metadata']['name'] for node in nodes if _daemon_belongs(daemon, node)}
        for pod in pods:
            outdated = pod['metadata']['labels'].get('controller-revision-hash') != revision
            if pod['spec']['nodeName'] not in wanted or (outdated and daemon['spec']['updateStrategy']['type'] == 'RollingUpdate'):
                _end(store, pod)
        # A pod that is going still holds its place, and on an edge that is cut off it goes on doing so.
        for name in wanted - {pod['spec']['nodeName'] for pod in pods}:
            _make_pod(store, daemon, f'{daemon["metadata"]["name"]}-{os.urandom(3).hex()[:5]}',
                      {'controller-revision-hash': revision, 'pod-template-generation': '1'}, name, _DAEMON_TOLERATIONS)
        mine = [pod for pod in _pods_of(store, daemon) if pod['spec']['nodeName'] in wanted and _lives(pod)]
        ready = sum(map(is_ready, mine))
        daemon['status'] = {
            'desiredNumberScheduled': len(wanted), 'currentNumberScheduled': len(mine), 'numberReady': ready, 'numberAvailable': ready,
            'updatedNumberScheduled': sum(pod['metadata']['labels'].get('controller-revision-hash') == revision for pod in mine),
            'numberMisscheduled': 0, 'observedGeneration': daemon['metadata'].get('generation', 1)}
        store.put('daemonsets', daemon)


def _daemon_belongs(daemon, node):
    spec = daemon['spec']['template']['spec']
    tolerant = {**spec, 'tolerations': [*(spec.get('tolerations') or []), *_DAEMON_TOLERATIONS]}
    return fits(spec, node) and not untolerated(tolerant, node)


def sync_deployments(server):
    store = server.store
    for deployment in store.list('deployments'):
        spec, revision, problem = deployment['spec'], _hash(deployment['spec']['template']), None
        pods = [pod for pod in _pods_of(store, deployment) if _lives(pod)]
        new = [pod for pod in pods if pod['metadata']['labels'].get('pod-template-hash') == revision]
        old = [pod for pod in pods if pod not in new]
        recreate = spec['strategy']['type'] == 'Recreate'
        gone = [pod for pod in _pods_of(store, deployment) if not _lives(pod)]
        if recreate and (old or (gone and not new)):
            for pod in old:
                _end(store, pod)
        elif len(new) < spec['replicas']:
            problem = _make_pod(store, deployment, f'{deployment["metadata"]["name"]}-{revision}-{os.urandom(3).hex()[:5]}',
                                {'pod-template-hash': revision})
        elif old and sum(map(is_ready, new)) >= spec['replicas']:
            # The default rolling update takes an old pod away only after its successor is ready.
            for pod in old:
                _end(store, pod)
        for pod in sorted(new, key=is_ready)[:max(0, len(new) - spec['replicas'])]:
            _end(store, pod)
        _deployment_status(store, deployment, revision, problem)


def _deployment_status(store, deployment, revision, problem):
    pods = [pod for pod in _pods_of(store, deployment) if _lives(pod)]
    new = [pod for pod in pods if pod['metadata']['labels'].get('pod-template-hash') == revision]
    ready, replicas = sum(map(is_ready, pods)), deployment['spec']['replicas']
    before = {one['type']: one for one in deployment.get('status', {}).get('conditions') or []}
    conditions = []
    for kind, holds, reason in (('Available', ready >= replicas, 'MinimumReplicasAvailable'),
                                ('Progressing', problem is None, 'ReplicaSetUpdated')):
        status = 'True' if holds else 'False'
        same = before.get(kind, {}).get('status') == status
        conditions.append({'type': kind, 'status': status, 'reason': reason if holds else f'Not{reason}', 'message': problem or '',
                           'lastTransitionTime': before[kind]['lastTransitionTime'] if same else now_text()})
    deployment['status'] = {
        'replicas': len(pods), 'updatedReplicas': len(new), 'readyReplicas': ready, 'availableReplicas': ready,
        'unavailableReplicas': max(0, replicas - ready), 'conditions': conditions,
        'observedGeneration': deployment['metadata'].get('generation', 1)}
    store.put('deployments', deployment)


def schedule(server):
    store = server.store
    nodes, pods = store.list('nodes'), store.list('pods')
    for pod in pods:
        if pod['spec'].get('nodeName') or not _lives(pod):
            continue
        reasons, chosen = {}, None
        for node in sorted(nodes, key=lambda one: sum(other['spec'].get('nodeName') == one['metadata']['name'] for other in pods)):
            reason = _obstacle(pod, node, pods)
            if reason is None:
                chosen = node['metadata']['name']
                break
            reasons[reason] = reasons.get(reason, 0) + 1
        condition = {'type': 'PodScheduled', 'status': 'True'}
        if chosen:
            pod['spec']['nodeName'] = chosen
        else:
            why = ', '.join(f'{count} {reason}' for reason, count in sorted(reasons.items())) or 'no nodes available to schedule pods'
            condition = {'type': 'PodScheduled', 'status': 'False', 'reason': 'Unschedulable', 'message': f'0/{len(nodes)} nodes are available: {why}.'}
        pod.setdefault('status', {'phase': 'Pending'})['conditions'] = [condition]
        store.put('pods', pod)


def _obstacle(pod, node, pods):
    if node.get('spec', {}).get('unschedulable'):
        return 'node(s) were unschedulable'
    if taint := untolerated(pod['spec'], node):
        value = f': {taint["value"]}' if taint.get('value') else ': '
        return f'node(s) had untolerated taint {{{taint["key"]}{value}}}'
    if not fits(pod['spec'], node):
        return "node(s) didn't match Pod's node affinity/selector"
    wanted = host_ports(pod['spec'])
    if wanted and any(wanted & host_ports(other['spec']) for other in pods
                      if other['spec'].get('nodeName') == node['metadata']['name'] and other['status'].get('phase') in ('Pending', 'Running')):
        return "node(s) didn't have free ports for the requested pod ports"
    return None
