"""edgecore.yaml: its defaults, and keadm's --set with the traps that the real one has."""

import copy
import re

from standin.ground import Refusal

_CERTIFICATES = {'ca': '/etc/kubeedge/ca/rootCA.crt', 'cert': '/etc/kubeedge/certs/server.crt', 'key': '/etc/kubeedge/certs/server.key'}

# Inlined from TailoredKubeletFlag: the file shows them beside the others, but --set finds them only by their Go names.
_INLINED = {'hostnameOverride', 'nodeIP', 'podSandboxImage', 'rootDirectory', 'nodeLabels', 'registerSchedulable', 'minimumGCAge',
            'maxPerPodContainerCount', 'maxContainerCount', 'seccompDefault'}


def defaults(hostname, local_address, version):
    return {
        'apiVersion': 'edgecore.config.kubeedge.io/v1alpha2', 'kind': 'EdgeCore', 'edgeCoreVersion': version, 'featureGates': {},
        'database': {'aliasName': 'default', 'dataSource': '/var/lib/kubeedge/edgecore.db', 'driverName': 'sqlite3'},
        'modules': {
            'dbTest': {'enable': False}, 'deviceTwin': {'enable': True, 'dmiSockPath': '/etc/kubeedge/dmi.sock'},
            'edgeHub': {
                'enable': True, 'heartbeat': 15, 'httpServer': f'https://{local_address}:10002', 'messageBurst': 60, 'messageQPS': 30,
                'projectID': 'e632aba927ea4ac2b575ec1603d56f10', 'rotateCertificates': True, 'tlsCaFile': _CERTIFICATES['ca'],
                'tlsCertFile': _CERTIFICATES['cert'], 'tlsPrivateKeyFile': _CERTIFICATES['key'], 'token': '',
                'quic': {'enable': False, 'handshakeTimeout': 30, 'readDeadline': 15, 'server': f'{local_address}:10001', 'writeDeadline': 15},
                'websocket': {'enable': True, 'handshakeTimeout': 30, 'readDeadline': 15, 'server': f'{local_address}:10000', 'writeDeadline': 15}},
            'edgeStream': {'enable': False, 'handshakeTimeout': 30, 'readDeadline': 15, 'server': '127.0.0.1:10004', 'tlsTunnelCAFile': _CERTIFICATES['ca'],
                           'tlsTunnelCertFile': _CERTIFICATES['cert'], 'tlsTunnelPrivateKeyFile': _CERTIFICATES['key'], 'writeDeadline': 15},
            'edged': {
                'enable': True, 'reportEvent': False, 'customInterfaceName': '', 'registerNodeNamespace': 'default', 'hostnameOverride': hostname,
                'nodeIP': '', 'podSandboxImage': 'kubeedge/pause:3.6', 'rootDirectory': '/var/lib/kubelet', 'nodeLabels': {}, 'registerSchedulable': True,
                'minimumGCAge': '0s', 'maxPerPodContainerCount': 1, 'maxContainerCount': -1, 'seccompDefault': False,
                'tailoredKubeletConfig': {
                    'address': '127.0.0.1', 'cgroupDriver': 'cgroupfs', 'cgroupsPerQOS': True, 'clusterDNS': [], 'clusterDomain': 'cluster.local',
                    'containerRuntimeEndpoint': 'unix:///run/containerd/containerd.sock', 'imageServiceEndpoint': 'unix:///run/containerd/containerd.sock',
                    'evictionHard': {'imagefs.available': '15%', 'memory.available': '100Mi'}, 'failSwapOn': False, 'maxPods': 110,
                    'nodeLeaseDurationSeconds': 40, 'readOnlyPort': 10350, 'registerNode': True, 'staticPodPath': '/etc/kubeedge/manifests',
                    'resolvConf': '/etc/resolv.conf'}},
            'eventBus': {'enable': True, 'mqttMode': 2, 'mqttPassword': '', 'mqttPubClientID': '', 'mqttQOS': 0, 'mqttRetain': False,
                         'mqttServerExternal': 'tcp://127.0.0.1:1883', 'mqttServerInternal': 'tcp://127.0.0.1:1884', 'mqttSessionQueueSize': 100,
                         'mqttSubClientID': '', 'mqttUsername': ''},
            'metaManager': {'contextSendGroup': 'hub', 'contextSendModule': 'websocket', 'enable': True, 'remoteQueryTimeout': 60,
                            'metaServer': {'enable': False, 'server': '127.0.0.1:10550', 'dummyServer': '169.254.30.10:10550', 'tlsCaFile': _CERTIFICATES['ca'],
                                           'tlsCertFile': _CERTIFICATES['cert'], 'tlsPrivateKeyFile': _CERTIFICATES['key']}},
            'serviceBus': {'enable': False, 'port': 9060, 'server': '127.0.0.1', 'timeout': 60}, 'taskManager': {'enable': False}}}


def shown(config):
    """As the file has it: what is empty is left out."""
    return {key: shown(value) if isinstance(value, dict) else value for key, value in config.items() if value not in ('', {}, [], None)}


def completed(config, hostname, version):
    """A file's content over the defaults."""
    from standin.patch import merge

    return merge(defaults(hostname, '127.0.0.1', version), copy.deepcopy(config))


def apply_set(config, text):
    for item in _items(text):
        parts = item.split('=')
        if len(parts) != 2:
            # Dropped without a word, as the real one does with a second "=".
            continue
        _assign(config, parts[0], _value(parts[1]))


def _items(text):
    items, current, quoted, braced = [], '', False, False
    for letter in text:
        if letter == ',' and not quoted and not braced:
            items.append(current)
            current = ''
            continue
        quoted ^= letter == '"'
        if letter in '{}' and not quoted:
            braced = letter == '{'
        if not letter.isspace() or quoted or braced:
            current += letter
    return [item for item in [*items, current] if item]


def _value(text):
    if text.startswith('{') and text.endswith('}'):
        parts = [part.strip() for part in text[1:-1].split(',')]
        if ':' in text:
            return {_value(key.strip()): _value(value.strip()) for key, value in (part.split(':', 1) for part in parts)}
        return [_value(part) for part in parts]
    if re.fullmatch(r'[+-]?\d+', text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        pass
    if text in ('t', 'T', 'true', 'TRUE', 'True', 'f', 'F', 'false', 'FALSE', 'False'):
        return text[0] in 'tT'
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in '\'"' else text


def _assign(config, name, value):
    path, index = name, None
    if match := re.fullmatch(r'(.*)\[(\d+)\]', name):
        path, index = match[1], int(match[2])
    go_names, holder, keys = [], config, path.split('.')
    for position, key in enumerate(keys):
        found = _key(holder, key, path[0].isupper(), keys[:position])
        go_names.append(found[0].upper() + found[1:] if found else '' if not path[0].isupper() else key)
        if found is None or (position < len(keys) - 1 and not isinstance(holder[found], dict)):
            raise Refusal(f'{".".join(go_names)}: No such field: {go_names[-1]} in Config')
        if position < len(keys) - 1:
            holder = holder[found]
    if index is not None:
        if not isinstance(holder[found], list):
            raise Refusal(f'{keys[-1]} is not an array,slice and map')
        holder[found] += [''] * (index + 1 - len(holder[found]))
        holder[found][index] = value
        return
    _same_type(name, holder[found], value)
    holder[found] = value


def _key(holder, key, by_go_name, before):
    """The file's name of a field, or None. Go names are matched without regard to case."""
    inlined = [one.lower() for one in before] == ['modules', 'edged']
    for name in holder:
        if by_go_name and name.lower() == key.lower():
            return name
        if not by_go_name and name == key and not (inlined and name in _INLINED):
            return name
    return None


def _same_type(name, old, new):
    go = {bool: 'bool', int: 'int', float: 'float64', str: 'string', list: '[]string', dict: 'map[string]interface {}'}
    number = (int, float)
    if type(old) is type(new) or (isinstance(old, number) and isinstance(new, number) and not isinstance(old, bool) and not isinstance(new, bool)):
        return
    raise Refusal(f'{name}: Convert to target value failed, err: Provided value type {go[type(new)]} does not match target type {go[type(old)]}')
