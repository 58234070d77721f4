"""The controllers that live beside the API server: nodes, certificates, bootstrap tokens, namespaces, and the clock that drives all."""

import base64
import hashlib
import hmac
import ipaddress
import json
import time

from standin import pki
from standin.ground import klog, now_text, pace, seconds_of
from standin.login import bootstrap_tokens
from standin.workloads import sync_daemonsets, sync_deployments, schedule

_LEASE_SECONDS = 40
_UNREACHABLE = 'node.kubernetes.io/unreachable'
_NOT_READY = 'node.kubernetes.io/not-ready'


def run(server, pod_cidr):
    """Never returns: works after every change and every five seconds, as often as nodes are looked at, then saves."""
    store = server.store
    while True:
        version = store.version
        for controller in (sign_requests, sign_cluster_info, watch_nodes, empty_namespaces, drop_orphans, evict,
                           sync_daemonsets, sync_deployments, schedule):
            try:
                with store.changed:
                    controller(server)
            except Exception as error:
                klog(f'{controller.__name__}: {error!r}', 'E')
        assign_pod_cidrs(store, pod_cidr)
        store.save()
        # What a controller changed is news to the others; changes come in bursts, and one look for the burst is enough.
        store.wait(version, pace(5))
        # What a client was told is stored must survive a restart that comes at once.
        store.save()
        time.sleep(pace(0.2))


def sign_requests(server):
    for request in server.store.list('certificatesigningrequests'):
        if request.get('status', {}).get('certificate'):
            continue
        text = base64.b64decode(request['spec']['request']).decode()
        certificate = pki.sign_request(server.ca, server.ca_key, text)
        request['status'] = {'conditions': [{'type': 'Approved', 'status': 'True', 'reason': 'AutoApproved'}],
                             'certificate': base64.b64encode(certificate.encode()).decode()}
        server.store.put('certificatesigningrequests', request)


def sign_cluster_info(server):
    """One detached signature a living token; those of expired tokens go."""
    info = server.store.get('configmaps', 'kube-public', 'cluster-info')
    if not info:
        return
    data = {'kubeconfig': info['data']['kubeconfig']}
    for name, token in bootstrap_tokens(server.store).items():
        data[f'jws-kubeconfig-{name}'] = detached_signature(name, token['token-secret'], data['kubeconfig'])
    info['data'] = data
    server.store.put('configmaps', info)


def detached_signature(token_id, secret, payload):
    def encode(data):
        return base64.urlsafe_b64encode(data).decode().rstrip('=')

    head = encode(json.dumps({'alg': 'HS256', 'kid': token_id}, separators=(',', ':')).encode())
    signature = hmac.new(secret.encode(), f'{head}.{encode(payload.encode())}'.encode(), hashlib.sha256).digest()
    return f'{head}..{encode(signature)}'


def watch_nodes(server):
    """A node whose lease is older than 40 s is Unknown, with the taints that follow."""
    store = server.store
    for node in store.list('nodes'):
        name = node['metadata']['name']
        lease = store.get('leases', 'kube-node-lease', name)
        renewed = seconds_of(lease['spec']['renewTime']) if lease else seconds_of(node['metadata']['creationTimestamp'])
        conditions = node.setdefault('status', {}).setdefault('conditions', [])
        ready = next((one for one in conditions if one['type'] == 'Ready'), None)
        if time.time() - renewed > _LEASE_SECONDS and ready and ready['status'] != 'Unknown':
            for one in conditions:
                one.update(status='Unknown', reason='NodeStatusUnknown', message='Kubelet stopped posting node status.', lastTransitionTime=now_text())
        status = ready['status'] if ready else 'False'
        wanted = {'True': [], 'Unknown': [_UNREACHABLE]}.get(status, [_NOT_READY])
        taints = [one for one in node.get('spec', {}).get('taints') or []
                  if one['key'] not in (_UNREACHABLE, _NOT_READY) or one['key'] in wanted]
        for key in wanted:
            for effect in ('NoSchedule', 'NoExecute'):
                if not any(one['key'] == key and one['effect'] == effect for one in taints):
                    taints.append({'key': key, 'effect': effect, **({'timeAdded': now_text()} if effect == 'NoExecute' else {})})
        node.setdefault('spec', {})['taints'] = taints
        if not taints:
            del node['spec']['taints']
        store.put('nodes', node)
        if status == 'Unknown':
            _mark_unready(store, name)


def _mark_unready(store, node_name):
    for pod in store.list('pods'):
        conditions = pod.get('status', {}).get('conditions') or []
        if pod['spec'].get('nodeName') == node_name and any(one['type'] == 'Ready' and one['status'] == 'True' for one in conditions):
            for one in conditions:
                if one['type'] == 'Ready':
                    one['status'] = 'False'
            store.put('pods', pod)


def evict(server):
    """Pods leave an unreachable node when their toleration ends, 300 s by default."""
    store = server.store
    taints = {(node['metadata']['name'], taint['key']): seconds_of(taint['timeAdded']) for node in store.list('nodes')
              for taint in node.get('spec', {}).get('taints') or [] if taint['effect'] == 'NoExecute' and 'timeAdded' in taint}
    for pod in store.list('pods'):
        for (node, key), since in taints.items():
            if pod['spec'].get('nodeName') != node or pod['metadata'].get('deletionTimestamp'):
                continue
            limits = [one.get('tolerationSeconds', 1 << 40) for one in pod['spec'].get('tolerations') or []
                      if one.get('key') in (key, None) and one.get('effect') in ('NoExecute', None)]
            if time.time() - since > max(limits, default=0):
                pod['metadata']['deletionTimestamp'] = now_text()
                store.put('pods', pod)


def assign_pod_cidrs(store, pod_cidr):
    """Each node gets its /24 of the pod network, as the controller manager does with --allocate-node-cidrs."""
    if not pod_cidr:
        return
    nodes = store.list('nodes')
    used = {node['spec'].get('podCIDR') for node in nodes if 'spec' in node}
    free = (str(one) for one in ipaddress.ip_network(pod_cidr).subnets(new_prefix=24) if str(one) not in used)
    for node in nodes:
        if 'podCIDR' not in node.setdefault('spec', {}):
            node['spec']['podCIDR'] = next(free)
            node['spec']['podCIDRs'] = [node['spec']['podCIDR']]
            store.put('nodes', node)


def empty_namespaces(server):
    store = server.store
    for namespace in store.list('namespaces'):
        if not namespace['metadata'].get('deletionTimestamp'):
            continue
        name, left = namespace['metadata']['name'], False
        for resource, within, item_name in [key for key in store.objects if key[1] == name]:
            item = store.get(resource, within, item_name)
            if resource == 'pods' and item['spec'].get('nodeName') and store.get('nodes', '', item['spec']['nodeName']):
                left = True
                item['metadata'].setdefault('deletionTimestamp', now_text())
                store.put(resource, item)
            else:
                store.remove(resource, within, item_name)
        if not left:
            store.remove('namespaces', '', name)


def drop_orphans(server):
    """What belongs to an owner that is gone, and pods of nodes that are gone."""
    store = server.store
    living = {item['metadata']['uid'] for item in store.objects.values()}
    nodes = {node['metadata']['name'] for node in store.list('nodes')}
    for pod in store.list('pods'):
        meta, node = pod['metadata'], pod['spec'].get('nodeName')
        owners = meta.get('ownerReferences') or []
        if node and node not in nodes:
            store.remove('pods', meta['namespace'], meta['name'])
        elif owners and not any(owner['uid'] in living for owner in owners):
            if node:
                meta.setdefault('deletionTimestamp', now_text())
                store.put('pods', pod)
            else:
                store.remove('pods', meta['namespace'], meta['name'])
