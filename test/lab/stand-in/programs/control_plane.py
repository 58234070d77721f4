"""The process behind the static pod kube-apiserver: server, store and controllers, and what the server asks of nodes."""

import os
import signal

from standin import controllers, machine
from standin.apiserver import ApiServer, failure, not_found
from standin.flags import TEXT, parse
from standin.ground import Refusal, klog, now_text, read
from standin.kinds import KINDS, by_version
from standin.login import account_token
from standin.store import Store
from standin.wire import Client, Reply, client_tls, explain

_FLAGS = ('advertise-address', 'secure-port', 'tls-cert-file', 'tls-private-key-file', 'client-ca-file', 'service-cluster-ip-range',
          'cluster-cidr', 'etcd-servers', 'kubelet-certificate-authority')
_POD = by_version(KINDS, 'v1', 'Pod')


def main(arguments, version):
    machine.rename_process('kube-apiserver')
    options, _ = parse(arguments, dict.fromkeys(_FLAGS, TEXT))
    address, port = options['advertise-address'], int(options['secure-port'])
    if address not in machine.addresses():
        # etcd listens on this very address and would not start.
        raise Refusal(f'listen tcp {address}:2380: bind: cannot assign requested address')
    store = Store('/var/lib/etcd/member/stand-in.json')
    _save_at_the_end(store)
    server = ApiServer(store, version, read(options['client-ca-file']), read('/etc/kubernetes/pki/ca.key'), answer)
    _first_objects(store, options['service-cluster-ip-range'])
    server.listen(machine.listen_on(), port, read(options['tls-cert-file']), read(options['tls-private-key-file']))
    klog(f'Serving securely on [::]:{port}')
    controllers.run(server, options.get('cluster-cidr'))


def _save_at_the_end(store):
    """etcd has an object on disk before its client hears of it; here the end of the process must not lose the last second."""

    def end(_signal, _frame):
        store.save()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)


def _first_objects(store, service_cidr):
    import ipaddress

    for name in ('default', 'kube-system', 'kube-public', 'kube-node-lease'):
        if not store.get('namespaces', '', name):
            store.put('namespaces', {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': name, 'labels': {'kubernetes.io/metadata.name': name}},
                                     'status': {'phase': 'Active'}})
            store.put('serviceaccounts', {'apiVersion': 'v1', 'kind': 'ServiceAccount', 'metadata': {'name': 'default', 'namespace': name}})
    first = str(next(ipaddress.ip_network(service_cidr).hosts()))
    if not store.get('services', 'default', 'kubernetes'):
        store.put('services', {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'kubernetes', 'namespace': 'default'},
                               'spec': {'clusterIP': first, 'ports': [{'name': 'https', 'port': 443, 'targetPort': 6443}], 'type': 'ClusterIP'}})


def answer(server, request, kind, namespace, name, sub):
    """Everything below an object other than its status."""
    item = server.found(kind, namespace, name)
    if kind.kind == 'Pod' and sub == 'log':
        return pod_log(server, item, request)
    if kind.kind == 'ServiceAccount' and sub == 'token':
        return Reply(201, {'kind': 'TokenRequest', 'apiVersion': 'authentication.k8s.io/v1', 'status': {
            'token': account_token(server.ca_key, namespace, name), 'expirationTimestamp': now_text(3600)}})
    if kind.kind == 'Pod' and sub == 'eviction':
        return server.delete(request, kind, namespace, name, None)
    if kind.kind in ('Deployment', 'StatefulSet') and sub == 'scale':
        item['spec']['replicas'] = request.json()['spec']['replicas']
        return Reply(200, server.store.put(kind.plural, item))
    if kind.kind == 'CertificateSigningRequest' and sub == 'approval':
        return Reply(200, item)
    return failure(404, 'NotFound', 'the server could not find the requested resource')


def pod_log(server, pod, request):
    """From the node's kubelet; for an edge through cloudcore, to where the iptables-manager would lead the connection."""
    spec, meta = pod['spec'], pod['metadata']
    container = request.query.get('container') or spec['containers'][0]['name']
    if not any(one['name'] == container for one in spec['containers']):
        return failure(400, 'BadRequest', f'container {container} is not valid for pod {meta["name"]}')
    waiting = next((one['state']['waiting'] for one in pod.get('status', {}).get('containerStatuses') or []
                    if one['name'] == container and 'waiting' in one['state']), None)
    if waiting and waiting['reason'] != 'CrashLoopBackOff':
        return failure(400, 'BadRequest', f'container "{container}" in pod "{meta["name"]}" is waiting to start: {waiting["reason"]}')
    node = server.store.get('nodes', '', spec.get('nodeName'))
    if not node:
        raise not_found(_POD, meta['name'])
    address = next((one['address'] for one in node['status']['addresses'] if one['type'] == 'InternalIP'), '')
    port = node['status']['daemonEndpoints']['kubeletEndpoint']['Port']
    path = f'/containerLogs/{meta["namespace"]}/{meta["name"]}/{container}'
    host, real_port, headers = address, port, {}
    if 10350 < port < 10400:
        tunnel = _tunnel(server.store)
        if tunnel:
            host, real_port, headers = tunnel, 10003, {'Node': spec['nodeName']}
    try:
        client = Client(host, real_port, client_tls(), timeout=20)
        query = {key: value for key, value in request.query.items() if key == 'tailLines'}
        reply = client.request('GET', path, query=query, headers=headers)
    except OSError as error:
        return failure(500, 'InternalError', f'Get "https://{address}:{port}{path}": {explain(error, address, port)}')
    if reply.status == 500:
        return failure(500, 'InternalError', f'Internal error occurred: {reply.text()}')
    if reply.status != 200:
        return failure(reply.status, 'InternalError', reply.text())
    return Reply(200, reply.body, 'text/plain')


def _tunnel(store):
    """Where cloudcore listens for the API server, if an iptables-manager runs on this node to lead there."""
    here = machine.addresses()
    pods = [pod for pod in store.list('pods', 'kubeedge') if pod.get('status', {}).get('phase') == 'Running']
    leads = any(one['name'] == 'iptables-manager' for pod in pods if pod['status'].get('hostIP') in here for one in pod['spec']['containers'])
    hubs = [pod['status']['hostIP'] for pod in pods if pod['spec']['containers'][0]['name'] == 'cloudcore']
    return hubs[0] if leads and hubs else None
