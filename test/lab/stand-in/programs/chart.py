"""The objects of KubeEdge's cloudcore chart, from its values and what --set changes in them."""

import base64
import re

from standin import pki
from standin.ground import Refusal, dump_yaml

_NOT_EDGE = {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [
    {'matchExpressions': [{'key': 'node-role.kubernetes.io/edge', 'operator': 'DoesNotExist'}]}]}}}
_ONLY_EDGE = {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [
    {'matchExpressions': [{'key': 'node-role.kubernetes.io/edge', 'operator': 'Exists'}]}]}}}


def default_values(version):
    minor = version.rsplit('.', 1)[0]
    # The chart inside a patch release still carries the minor release's tags.
    tag = f'{minor}.0'
    return {
        'cloudCore': {
            'replicaCount': 1, 'hostNetWork': True, 'image': {'repository': 'kubeedge/cloudcore', 'tag': tag, 'pullPolicy': 'IfNotPresent'},
            'labels': {'k8s-app': 'kubeedge', 'kubeedge': 'cloudcore'}, 'affinity': _NOT_EDGE, 'tolerations': [], 'nodeSelector': {},
            'resources': {'limits': {'cpu': '200m', 'memory': '1Gi'}, 'requests': {'cpu': '100m', 'memory': '512Mi'}}, 'strategy': {},
            'featureGates': {'requireAuthorization': False},
            'modules': {'cloudHub': {'advertiseAddress': [''], 'dnsNames': [''], 'nodeLimit': '1000', 'websocket': {'port': 10000, 'enable': True},
                                     'quic': {'port': 10001, 'enable': False, 'maxIncomingStreams': '10000'}, 'https': {'enable': True}},
                        'cloudStream': {'enable': True}, 'dynamicController': {'enable': False}, 'router': {'enable': False}, 'taskManager': {'enable': False}}},
        'iptablesManager': {
            'enable': True, 'mode': 'external', 'framework': 'legacy', 'hostNetWork': True,
            'image': {'repository': 'kubeedge/iptables-manager', 'nftRepository': 'kubeedge/iptables-manager-nft', 'tag': tag, 'pullPolicy': 'IfNotPresent'},
            'labels': {'k8s-app': 'iptables-manager', 'kubeedge': 'iptables-manager'}, 'affinity': _NOT_EDGE, 'tolerations': [], 'nodeSelector': {},
            'resources': {'limits': {'cpu': '200m', 'memory': '50Mi'}, 'requests': {'cpu': '100m', 'memory': '25Mi'}}},
        'controllerManager': {'enable': False, 'image': {'repository': 'kubeedge/controller-manager', 'tag': tag}},
        'mosquitto': {
            'enable': True, 'image': {'repository': 'eclipse-mosquitto', 'tag': '1.6.15', 'pullPolicy': 'IfNotPresent'},
            'labels': {'k8s-app': 'eclipse-mosquitto', 'kubeedge': 'eclipse-mosquitto'}, 'affinity': _ONLY_EDGE, 'tolerations': []}}


def set_value(values, text):
    """One --set as Helm reads it: a.b[0].c=v, {x,y}, commas between items, a backslash before a dot or comma that is meant."""
    for item in _split(text, ','):
        name, separator, value = item.partition('=')
        if not separator:
            raise Refusal(f'failed parsing --set data: key "{item}" has no value')
        _store(values, [part for key in _split(name, '.') for part in _indexes(key)], _typed(value))


def _split(text, mark):
    """At unescaped marks outside braces; the backslashes stay until the part is used."""
    parts, depth, current, index = [], 0, '', 0
    while index < len(text):
        letter = text[index]
        if letter == '\\':
            current, index = current + text[index:index + 2], index + 2
            continue
        depth += (letter == '{') - (letter == '}')
        if letter == mark and depth == 0:
            parts.append(current)
            current = ''
        else:
            current += letter
        index += 1
    return [part for part in [*parts, current] if part]


def _indexes(key):
    name, *indexes = re.split(r'\[(\d+)\]', key)
    return [name.replace('\\', '')] + [int(index) for index in indexes if index]


def _typed(text):
    if text.startswith('{') and text.endswith('}'):
        return [_typed(part) for part in _split(text[1:-1], ',')]
    plain = text.replace('\\', '')
    if text in ('true', 'false'):
        return text == 'true'
    if text == 'null':
        return None
    return int(text) if re.fullmatch(r'-?(0|[1-9]\d*)', text) else plain


def _store(holder, path, value):
    for step, following in zip(path, path[1:]):
        empty = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            while len(holder) <= step:
                holder.append(None)
            if holder[step] is None:
                holder[step] = empty
        elif not isinstance(holder.get(step), type(empty)):
            holder[step] = empty
        holder = holder[step]
    last = path[-1]
    if isinstance(last, int):
        while len(holder) <= last:
            holder.append(None)
    if value is None and isinstance(last, str):
        holder.pop(last, None)
    else:
        holder[last] = value


def render(values):
    core, hub = values['cloudCore'], values['cloudCore']['modules']['cloudHub']
    modules = core['modules']
    config = {
        'apiVersion': 'cloudcore.config.kubeedge.io/v1alpha2', 'kind': 'CloudCore', 'featureGates': core['featureGates'],
        'kubeAPIConfig': {'kubeConfig': '', 'master': ''},
        'modules': {
            'cloudHub': {'advertiseAddress': [one or None for one in hub['advertiseAddress']], 'dnsNames': [one or None for one in hub['dnsNames']],
                         'nodeLimit': int(hub['nodeLimit']), 'tlsCAFile': '/etc/kubeedge/ca/rootCA.crt', 'tlsCertFile': '/etc/kubeedge/certs/edge.crt',
                         'tlsPrivateKeyFile': '/etc/kubeedge/certs/edge.key', 'websocket': {'address': '0.0.0.0', **hub['websocket']},
                         'quic': {'address': '0.0.0.0', **hub['quic']}, 'https': {'address': '0.0.0.0', 'port': 10002, **hub['https']}},
            'cloudStream': {**modules['cloudStream'], 'streamPort': 10003, 'tunnelPort': 10004}, 'dynamicController': modules['dynamicController'],
            'router': modules['router'], 'taskManager': modules['taskManager'],
            'iptablesManager': {'enable': values['iptablesManager']['enable'], 'mode': values['iptablesManager']['mode']}}}
    ports = [{'containerPort': number, 'name': name, 'protocol': 'TCP'} for number, name in
             ((10000, 'cloudhub'), (10001, 'cloudhub-quic'), (10002, 'cloudhub-https'), (10003, 'cloudstream'), (10004, 'tunnelport'))]
    volumes = [{'name': 'conf', 'configMap': {'name': 'cloudcore'}}, {'name': 'certs', 'secret': {'secretName': 'cloudcore'}}]
    labels = core['labels']
    objects = [
        *(_crd(group, plural, kind) for group, plural, kind in (
            ('devices.kubeedge.io', 'devices', 'Device'), ('devices.kubeedge.io', 'devicemodels', 'DeviceModel'), ('apps.kubeedge.io', 'nodegroups', 'NodeGroup'))),
        *(_object('v1', 'ServiceAccount', name) for name in ('cloudcore', 'iptables-manager-sa')),
        *({**_object('rbac.authorization.k8s.io/v1', 'ClusterRole', name), 'rules': []} for name in ('cloudcore', 'iptables-manager')),
        _stream_pair(labels),
        {**_object('v1', 'ConfigMap', 'cloudcore', labels), 'data': {'cloudcore.yaml': dump_yaml(config)}},
        {**_object('v1', 'Service', 'cloudcore', labels), 'spec': {'type': 'ClusterIP', 'selector': labels, 'ports': [{'port': 10000, 'name': 'cloudhub'}]}},
        _workload('Deployment', 'cloudcore', core, 'cloudcore', f'{core["image"]["repository"]}:{core["image"]["tag"]}', 'cloudcore', core['hostNetWork'],
                  {'replicas': core['replicaCount'], **({'strategy': core['strategy']} if core['strategy'] else {})}, {'volumes': volumes}, {'ports': ports})]
    manager = values['iptablesManager']
    if manager['enable'] and manager['mode'] == 'external':
        repository = manager['image']['nftRepository' if manager['framework'] == 'nft' else 'repository']
        objects.append(_workload('DaemonSet', 'cloud-iptables-manager', manager, 'iptables-manager', f'{repository}:{manager["image"]["tag"]}',
                                 'iptables-manager-sa', manager['hostNetWork'], {}, {}, {'command': ['iptables-manager']}))
    broker = values['mosquitto']
    if broker['enable']:
        objects.append(_workload('DaemonSet', 'edge-eclipse-mosquitto', broker, 'edge-eclipse-mosquitto',
                                 f'{broker["image"]["repository"]}:{broker["image"]["tag"]}', 'default', True, {}, {}, {}))
    return objects


def _stream_pair(labels):
    """A year's pair of its own CA, made once, by a hook before the release."""
    ca, ca_key = pki.make_ca('cloudcore-ca', 365)
    certificate, key = pki.issue(ca, ca_key, '/CN=cloudcore', (), ('cloudcore.kubeedge', 'cloudcore.kubeedge.svc'), 'serverAuth,clientAuth')
    secret = _object('v1', 'Secret', 'cloudcore', labels)
    secret['metadata']['annotations'] = {'helm.sh/hook': 'pre-install', 'helm.sh/hook-delete-policy': 'before-hook-creation'}
    data = {'streamCA.crt': ca, 'stream.crt': certificate, 'stream.key': key}
    return {**secret, 'data': {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}}


def _object(version, kind, name, labels=None):
    return {'apiVersion': version, 'kind': kind, 'metadata': {'name': name, 'namespace': 'kubeedge', **({'labels': labels} if labels else {})}}


def _crd(group, plural, kind):
    return {**_object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', f'{plural}.{group}'), 'spec': {
        'group': group, 'scope': 'Cluster' if plural == 'nodegroups' else 'Namespaced', 'names': {'kind': kind, 'plural': plural, 'singular': kind.lower()},
        'versions': [{'name': 'v1alpha1' if group.startswith('apps') else 'v1beta1', 'served': True, 'storage': True}]}}


def _workload(kind, name, values, container, image, account, host_network, spec, pod, extra):
    labels = values['labels']
    chosen = {key: values[key] for key in ('affinity', 'tolerations', 'nodeSelector') if values.get(key)}
    return {**_object('apps/v1', kind, name, labels), 'spec': {**spec, 'selector': {'matchLabels': labels}, 'template': {
        'metadata': {'labels': labels}, 'spec': {'serviceAccountName': account, 'hostNetwork': host_network, **chosen, **pod, 'containers': [
            {'name': container, 'image': image, 'imagePullPolicy': values['image']['pullPolicy'], **extra}]}}}}
