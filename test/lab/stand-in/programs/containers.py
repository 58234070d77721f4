"""The containers that a stand-in really starts, and those that fail where the real ones would."""

import json
import re

from standin import machine
from standin.api import from_kubeconfig
from standin.ground import read, write
from standin.pods import Waiting


def specials(kubelet):
    def api_server(_pod, container):
        from standin.kubelet import child_command

        arguments = [word for word in container['command'][1:]]
        return child_command('kube-apiserver', *arguments)

    def etcd(_pod, container):
        if kubelet.address not in machine.addresses():
            raise Waiting('CrashLoopBackOff', f'listen tcp {kubelet.address}:2380: bind: cannot assign requested address')

    def cloudcore(pod, container):
        from standin.kubelet import child_command

        api = from_kubeconfig(kubelet.options['kubeconfig'])
        namespace = pod['metadata']['namespace']
        for volume in pod['spec'].get('volumes') or []:
            for kind, field in (('ConfigMap', 'name'), ('Secret', 'secretName')):
                source = volume.get(kind[0].lower() + kind[1:])
                if source and not api.get('v1', kind, namespace, source[field]):
                    raise Waiting('ContainerCreating', f'MountVolume.SetUp failed for volume "{volume["name"]}" : {kind.lower()} "{source[field]}" not found')
        account = api.send('POST', f'/api/v1/namespaces/{namespace}/serviceaccounts/{pod["spec"]["serviceAccountName"]}/token',
                           {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': {}}).json()
        folder = f'/var/lib/kubelet/pods/{pod["metadata"]["uid"]}'
        write(f'{folder}/access.json', json.dumps({'server': api.server, 'ca': api.ca, 'token': account['status']['token'], 'node': kubelet.name}), 0o600)
        return child_command('cloudcore', f'--access={folder}/access.json', f'--image={container["image"]}')

    def flannel(pod, container):
        api, args = from_kubeconfig(kubelet.options['kubeconfig']), container.get('args') or []
        own = api.get('v1', 'Node', None, kubelet.name) or {'spec': {}}
        subnet = own['spec'].get('podCIDR')
        _need_interface(args)
        if not subnet:
            raise Waiting('CrashLoopBackOff', f'Error registering network: failed to acquire lease: node "{kubelet.name}" pod cidr not assigned')
        config = api.get('v1', 'ConfigMap', pod['metadata']['namespace'], 'kube-flannel-cfg')
        if not config:
            raise Waiting('ContainerCreating', 'MountVolume.SetUp failed for volume "flannel-cfg" : configmap "kube-flannel-cfg" not found')
        import ipaddress

        network = json.loads(config['data']['net-conf.json'])['Network']
        if not ipaddress.ip_network(subnet).subnet_of(ipaddress.ip_network(network)):
            raise Waiting('CrashLoopBackOff', f'Error registering network: the node\'s podCIDR {subnet} is not inside net-conf.json\'s Network {network}')
        write('/run/flannel/subnet.env', f'FLANNEL_NETWORK={network}\nFLANNEL_SUBNET={subnet}\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n')
        if read('/etc/cni/net.d/10-flannel.conflist') != config['data']['cni-conf.json']:
            write('/etc/cni/net.d/10-flannel.conflist', config['data']['cni-conf.json'])

    return {'kube-apiserver': api_server, 'etcd': etcd, 'cloudcore': cloudcore, 'kube-flannel': flannel, 'coredns': _coredns(kubelet)}


def _coredns(kubelet):
    serving = set()

    def coredns(pod, _container):
        uid = pod['metadata']['uid']
        # What changes later concerns its next start alone: a reload that fails leaves it as it runs.
        if uid in serving:
            return None
        config = from_kubeconfig(kubelet.options['kubeconfig']).get('v1', 'ConfigMap', pod['metadata']['namespace'], 'coredns')
        if not config:
            raise Waiting('ContainerCreating', 'MountVolume.SetUp failed for volume "config-volume" : configmap "coredns" not found')
        given = read(kubelet.config.get('resolvConf', '/etc/resolv.conf')) or ''
        asks = re.search(r'^\s*forward\s+\S+\s+/etc/resolv\.conf\b', config['data']['Corefile'], re.M)
        if asks and not re.search(r'^nameserver\s+\S', given, re.M):
            return ['/bin/sh', '-c', 'echo plugin/forward: no nameservers found; exit 1']
        serving.add(uid)
        return None

    return coredns


def edge_specials():
    """At the edge nothing answers on the cluster's service address, and flannel cannot start without it."""

    def flannel(_pod, _container):
        raise Waiting('CrashLoopBackOff', 'Failed to create SubnetManager: error retrieving pod spec: Get "https://10.96.0.1:443/api/v1/": '
                                          'dial tcp 10.96.0.1:443: connect: network is unreachable')

    return {'kube-flannel': flannel}


def _need_interface(args):
    """flannel takes the interface of the default route unless it is told another."""
    names, addresses = set(machine.addresses().values()), machine.addresses()
    chosen = [word.partition('=') for word in args if re.match(r'--(iface|iface-regex|iface-can-reach)=', word)]
    if not chosen:
        if not machine.default_address():
            raise Waiting('CrashLoopBackOff', 'Failed to find any valid interface to use: failed to get default interface: unable to find default route')
        return
    for name, _, value in chosen:
        if name == '--iface' and value in names | set(addresses):
            return
        if name == '--iface-regex' and any(re.search(value, one) for one in names | set(addresses)):
            return
        if name == '--iface-can-reach' and machine.has_route(value):
            return
    raise Waiting('CrashLoopBackOff', f'Failed to find interface to use that matches the interfaces and/or regexes provided: {args}')


