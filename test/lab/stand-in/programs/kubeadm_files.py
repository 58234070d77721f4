"""What kubeadm init writes: certificates, kubeconfigs, manifests, the kubelet's files, and the first objects of the cluster."""

import base64
import random

from standin import kubeadm_config, machine, pki
from standin.api import kubeconfig_text
from standin.cri import DEFAULT_ENDPOINT
from standin.ground import Refusal, dump_yaml, now_text, read, run, say, write

_TAINT = 'node-role.kubernetes.io/control-plane'
_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'


# What kubeadm 1.28 has CoreDNS read.
_COREFILE = '''.:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30
    loop
    reload
    loadbalance
}}
'''


def init_settings(options, version):
    """Everything init needs to know, from the file or the flags, with kubeadm's defaults."""
    documents = kubeadm_config.load(options['config'], version) if 'config' in options else {}
    own, cluster = documents.get('InitConfiguration', {}), documents.get('ClusterConfiguration', {})
    registration, endpoint = own.get('nodeRegistration', {}), own.get('localAPIEndpoint', {})
    mixed = {'kubernetes-version', 'pod-network-cidr', 'service-cidr', 'apiserver-advertise-address', 'image-repository'} & options.keys()
    if documents and mixed:
        raise Refusal(f'can not mix \'--config\' with arguments [{" ".join(sorted(mixed))}]')
    address = endpoint.get('advertiseAddress') or options.get('apiserver-advertise-address') or machine.default_address()
    if not address:
        raise Refusal("couldn't use localAPIEndpoint: unable to select an IP from default routes.")
    networking, wanted = cluster.get('networking', {}), cluster.get('kubernetesVersion') or options.get('kubernetes-version') or version
    settings = {
        'version': 'v' + wanted.lstrip('v'), 'address': address, 'port': endpoint.get('bindPort', 6443),
        'node': registration.get('name') or options.get('node-name') or machine.hostname(),
        'endpoint': registration.get('criSocket') or options.get('cri-socket') or DEFAULT_ENDPOINT,
        'taints': registration.get('taints', [{'key': _TAINT, 'effect': 'NoSchedule'}]),
        'repository': cluster.get('imageRepository') or options.get('image-repository') or 'registry.k8s.io',
        'podSubnet': networking.get('podSubnet') or options.get('pod-network-cidr') or '',
        'serviceSubnet': networking.get('serviceSubnet') or options.get('service-cidr') or '10.96.0.0/12',
        'names': [*(cluster.get('apiServer', {}).get('certSANs') or []), *options.get('apiserver-cert-extra-sans', [])],
        'controlPlaneEndpoint': cluster.get('controlPlaneEndpoint', ''), 'skipPhases': own.get('skipPhases') or [],
        'kubelet': documents.get('KubeletConfiguration', {}), 'cluster': cluster, 'proxyOff': cluster.get('proxy', {}).get('disabled', False),
        'proxy': documents.get('KubeProxyConfiguration', {}),
        'flags': {'container-runtime-endpoint': registration.get('criSocket') or DEFAULT_ENDPOINT,
                  **kubeadm_config.arguments_of(registration.get('kubeletExtraArgs'))}}
    settings['server'] = f'https://{settings["controlPlaneEndpoint"] or address}' + ('' if ':' in settings['controlPlaneEndpoint'] else f':{settings["port"]}')
    return settings


def write_control_plane(settings):
    import ipaddress

    say('[certs] Using certificateDir folder "/etc/kubernetes/pki"')
    folder, address = '/etc/kubernetes/pki', settings['address']
    ca, ca_key = (read(f'{folder}/ca.crt'), read(f'{folder}/ca.key')) if read(f'{folder}/ca.key') else pki.make_ca('kubernetes', 3650)
    first = str(next(ipaddress.ip_network(settings['serviceSubnet']).hosts()))
    addresses, names = [first, address], [settings['node'], 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']
    for name in [*settings['names'], settings['controlPlaneEndpoint'].split(':')[0]]:
        target = addresses if name.replace('.', '').isdigit() else names
        if name and name not in target:
            target.append(name)
    say(f'[certs] apiserver serving cert is signed for DNS names [{" ".join(names)}] and IPs [{" ".join(addresses)}]')
    certificate, key = pki.issue(ca, ca_key, '/CN=kube-apiserver', addresses, names, 'serverAuth')
    for name, content, mode in (('ca.crt', ca, 0o644), ('ca.key', ca_key, 0o600), ('apiserver.crt', certificate, 0o644), ('apiserver.key', key, 0o600)):
        write(f'{folder}/{name}', content, mode)
    say('[kubeconfig] Using kubeconfig folder "/etc/kubernetes"')
    for name, subject, user in (('admin.conf', '/O=system:masters/CN=kubernetes-admin', 'kubernetes-admin'),
                                ('kubelet.conf', f'/O=system:nodes/CN=system:node:{settings["node"]}', f'system:node:{settings["node"]}')):
        text = kubeconfig_text(settings['server'], ca, user, *pki.issue(ca, ca_key, subject))
        for copy in [name, *(['super-admin.conf', 'controller-manager.conf', 'scheduler.conf'] if name == 'admin.conf' else [])]:
            write(f'/etc/kubernetes/{copy}', text, 0o600)
    say('[control-plane] Using manifest folder "/etc/kubernetes/manifests"')
    images = {name.rsplit('/', 1)[1].split(':')[0]: name for name in kubeadm_config.images(settings['version'], settings['repository'])}
    commands = {
        'kube-apiserver': [f'--advertise-address={address}', f'--secure-port={settings["port"]}', f'--client-ca-file={folder}/ca.crt',
                           f'--tls-cert-file={folder}/apiserver.crt', f'--tls-private-key-file={folder}/apiserver.key',
                           f'--service-cluster-ip-range={settings["serviceSubnet"]}', f'--cluster-cidr={settings["podSubnet"]}'],
        'kube-controller-manager': ['--kubeconfig=/etc/kubernetes/controller-manager.conf', '--allocate-node-cidrs=true', f'--cluster-cidr={settings["podSubnet"]}'],
        'kube-scheduler': ['--kubeconfig=/etc/kubernetes/scheduler.conf'],
        'etcd': [f'--advertise-client-urls=https://{address}:2379', '--data-dir=/var/lib/etcd']}
    for name, arguments in commands.items():
        container = {'name': name, 'image': images[name], 'imagePullPolicy': 'IfNotPresent', 'command': [name, *arguments]}
        write(f'/etc/kubernetes/manifests/{name}.yaml', dump_yaml({
            'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'namespace': 'kube-system', 'labels': {'component': name, 'tier': 'control-plane'}},
            'spec': {'hostNetwork': True, 'priorityClassName': 'system-node-critical', 'containers': [container]}}), 0o600)


def kubelet_configuration(given):
    # systemd-resolved's own file in /etc names only itself, so pods are given the one with the servers behind it.
    resolver = {'resolvConf': '/run/systemd/resolve/resolv.conf'} if run(['systemctl', 'is-active', '--quiet', 'systemd-resolved'])[0] == 0 else {}
    return {'apiVersion': 'kubelet.config.k8s.io/v1beta1', 'kind': 'KubeletConfiguration', 'cgroupDriver': 'systemd', 'clusterDNS': ['10.96.0.10'],
            'clusterDomain': 'cluster.local', 'healthzBindAddress': '127.0.0.1', 'healthzPort': 10248, 'rotateCertificates': True,
            'staticPodPath': '/etc/kubernetes/manifests', **resolver, **given}


def write_kubelet_files(configuration, flags):
    say('[kubelet-start] Writing kubelet environment file with flags to file "/var/lib/kubelet/kubeadm-flags.env"')
    arguments = ' '.join(f'--{name}={value}' for name, value in flags.items())
    write('/var/lib/kubelet/kubeadm-flags.env', f'KUBELET_KUBEADM_ARGS="{arguments}"\n')
    say('[kubelet-start] Writing kubelet configuration to file "/var/lib/kubelet/config.yaml"')
    write('/var/lib/kubelet/config.yaml', dump_yaml(kubelet_configuration(configuration)))


def upload(api, settings):
    say('[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace')
    cluster = {'apiVersion': 'kubeadm.k8s.io/v1beta3', 'kind': 'ClusterConfiguration', 'imageRepository': settings['repository'], **settings['cluster'],
               'kubernetesVersion': settings['version'], 'networking': {'podSubnet': settings['podSubnet'], 'serviceSubnet': settings['serviceSubnet']}}
    maps = {('kube-system', 'kubeadm-config'): {'ClusterConfiguration': dump_yaml(cluster)},
            ('kube-system', 'kubelet-config'): {'kubelet': dump_yaml(kubelet_configuration(settings['kubelet']))},
            ('kube-public', 'cluster-info'): {'kubeconfig': kubeconfig_text(settings['server'], read('/etc/kubernetes/pki/ca.crt'))}}
    for (namespace, name), data in maps.items():
        api.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name, 'namespace': namespace}, 'data': data})


def mark_control_plane(api, settings):
    say(f'[mark-control-plane] Marking the node {settings["node"]} as control-plane by adding the labels and the taints')
    taints = {taint['key']: taint for taint in (api.get('v1', 'Node', None, settings['node'])['spec'].get('taints') or []) + settings['taints']}
    api.patch('v1', 'Node', None, settings['node'], {
        'metadata': {'labels': {_TAINT: '', 'node.kubernetes.io/exclude-from-external-load-balancers': ''},
                     'annotations': {'kubeadm.alpha.kubernetes.io/cri-socket': settings['endpoint']}}, 'spec': {'taints': list(taints.values())}})


def make_token(api, wanted, seconds, description):
    import re

    choose = random.SystemRandom().choice
    token = wanted or ''.join(choose(_ALPHABET) for _ in range(6)) + '.' + ''.join(choose(_ALPHABET) for _ in range(16))
    if not re.fullmatch(r'[a-z0-9]{6}\.[a-z0-9]{16}', token):
        raise Refusal(f'the bootstrap token "{token}" is not of the form "\\\\A([a-z0-9]{{6}})\\\\.([a-z0-9]{{16}})\\\\z"')
    fields = {'token-id': token[:6], 'token-secret': token[7:], 'usage-bootstrap-authentication': 'true', 'usage-bootstrap-signing': 'true',
              'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token', 'description': description,
              **({'expiration': now_text(seconds)} if seconds else {})}
    api.create({'apiVersion': 'v1', 'kind': 'Secret', 'type': 'bootstrap.kubernetes.io/token',
                'metadata': {'name': f'bootstrap-token-{token[:6]}', 'namespace': 'kube-system'},
                'data': {key: base64.b64encode(value.encode()).decode() for key, value in fields.items()}})
    return token


def join_command(api, token):
    return f'kubeadm join {api.host}:{api.port} --token {token} --discovery-token-ca-cert-hash sha256:{pki.public_key_hash(api.ca)} '


def install_addons(api, settings, skipped):
    """CoreDNS and kube-proxy, which goes to every node until somebody guards the edges."""
    images = {name.rsplit('/', 1)[1].split(':')[0]: name for name in kubeadm_config.images(settings['version'], settings['repository'])}
    if 'addon/coredns' not in skipped and not settings['cluster'].get('dns', {}).get('disabled'):
        tolerations = [{'key': 'CriticalAddonsOnly', 'operator': 'Exists'}, {'key': _TAINT, 'effect': 'NoSchedule'}]
        api.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'coredns', 'namespace': 'kube-system'},
                   'data': {'Corefile': _COREFILE.format(domain=settings['cluster'].get('networking', {}).get('dnsDomain') or 'cluster.local')}})
        volume = {'name': 'config-volume', 'configMap': {'name': 'coredns', 'items': [{'key': 'Corefile', 'path': 'Corefile'}]}}
        apart = {'labelSelector': {'matchExpressions': [{'key': 'k8s-app', 'operator': 'In', 'values': ['kube-dns']}]}, 'topologyKey': 'kubernetes.io/hostname'}
        pod = {'tolerations': tolerations, 'dnsPolicy': 'Default', 'volumes': [volume], 'priorityClassName': 'system-cluster-critical',
               'affinity': {'podAntiAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': [{'weight': 100, 'podAffinityTerm': apart}]}}}
        _workload(api, 'Deployment', 'coredns', images['coredns'], {'k8s-app': 'kube-dns'}, {'replicas': 2}, pod, {
            'args': ['-conf', '/etc/coredns/Corefile'], 'volumeMounts': [{'name': 'config-volume', 'mountPath': '/etc/coredns', 'readOnly': True}],
            'readinessProbe': {'httpGet': {'path': '/ready', 'port': 8181, 'scheme': 'HTTP'}}})
        say('[addons] Applied essential addon: CoreDNS')
    if 'addon/kube-proxy' not in skipped and not settings['proxyOff']:
        api.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'kube-proxy', 'namespace': 'kube-system'},
                   'data': {'config.conf': dump_yaml(settings['proxy'])}})
        _workload(api, 'DaemonSet', 'kube-proxy', images['kube-proxy'], {'k8s-app': 'kube-proxy'}, {},
                  {'hostNetwork': True, 'tolerations': [{'operator': 'Exists'}], 'priorityClassName': 'system-node-critical'})
        say('[addons] Applied essential addon: kube-proxy')


def _workload(api, kind, name, image, labels, spec, pod, container=()):
    api.apply({'apiVersion': 'v1', 'kind': 'ServiceAccount', 'metadata': {'name': name, 'namespace': 'kube-system'}})
    api.apply({'apiVersion': 'apps/v1', 'kind': kind, 'metadata': {'name': name, 'namespace': 'kube-system', 'labels': labels}, 'spec': {
        **spec, 'selector': {'matchLabels': labels}, 'template': {'metadata': {'labels': labels}, 'spec': {
            'serviceAccountName': name, 'nodeSelector': {'kubernetes.io/os': 'linux'}, **pod,
            'containers': [{'name': name, 'image': image, 'imagePullPolicy': 'IfNotPresent', **dict(container)}]}}}})

