"""What a node says of itself, whichever program says it: its address, its Node object, its conditions."""

import platform

from standin import machine
from standin.cri import RuntimeFailure
from standin.ground import Refusal, now_text, read
from standin import runtime


def choose_address(wanted, name):
    """The node's address as kubelet and edgecore choose it: the given one, the name's, the default route's interface's."""
    if wanted:
        if wanted not in machine.addresses():
            raise Refusal(f'node IP: "{wanted}" not found in the host\'s network interfaces')
        return wanted
    if address := local_address(name):
        return address
    raise Refusal(f'can\'t get ip address of node {name}. error: no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"')


def local_address(name):
    """The address that a host finds by its own name, if it is one of its own, else that of the default route's interface; or None."""
    own = machine.addresses()
    return next((one for one in machine.resolve(name) if one in own), None) or machine.default_address()


def bind_address(interface):
    """An interface's first address; raises Refusal as edgecore ends for its customInterfaceName."""
    trouble = f'Failed to get IP address by custom interface {interface}, err: '
    if interface not in machine.interfaces():
        raise Refusal(f'{trouble}route ip+net: no such network interface')
    found = [address for address, name in machine.addresses().items() if name == interface]
    if not found:
        raise Refusal(f'{trouble}unable to select an IP from {interface} network interface')
    return found[0]


def os_image():
    for line in (read('/etc/os-release') or '').splitlines():
        if line.startswith('PRETTY_NAME='):
            return line.split('=', 1)[1].strip('"')
    return 'Linux'


def describe(name, address, version, labels, endpoint, port=10250, taints=(), annotations=None):
    architecture = {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine())
    own = {'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': architecture,
           'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': architecture}
    return {
        'apiVersion': 'v1', 'kind': 'Node',
        'metadata': {'name': name, 'labels': {**own, **labels}, 'annotations': annotations or {}},
        'spec': {'taints': list(taints)} if taints else {},
        'status': status(name, address, version, endpoint, port, architecture)}


def status(name, address, version, endpoint, port, architecture):
    runtime_name, runtime_version = 'unknown', ''
    try:
        runtime_name, runtime_version = runtime.version(endpoint)
    except RuntimeFailure:
        pass
    capacity = {'cpu': str(machine.cpus()), 'memory': f'{machine.memory_mib() * 1024}Ki', 'pods': '110'}
    return {
        'addresses': [*([{'type': 'InternalIP', 'address': address}] if address else []), {'type': 'Hostname', 'address': name}],
        'capacity': capacity, 'allocatable': capacity, 'conditions': [ready_condition(endpoint)],
        'daemonEndpoints': {'kubeletEndpoint': {'Port': port}},
        'nodeInfo': {'kubeletVersion': version, 'kubeProxyVersion': version, 'containerRuntimeVersion': f'{runtime_name}://{runtime_version}',
                     'osImage': os_image(), 'kernelVersion': platform.release(), 'operatingSystem': 'linux', 'architecture': architecture,
                     'machineID': machine.machine_id(), 'bootID': machine.boot_id(), 'systemUUID': machine.machine_id()}}


def ready_condition(endpoint):
    try:
        state = runtime.status(endpoint)
        reason = '' if state['network'] else 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:' + state['networkMessage']
    except RuntimeFailure as error:
        reason = f'container runtime is down: {error}'
    return {'type': 'Ready', 'status': 'False' if reason else 'True', 'reason': 'KubeletNotReady' if reason else 'KubeletReady',
            'message': reason or 'kubelet is posting ready status', 'lastHeartbeatTime': now_text(), 'lastTransitionTime': now_text()}


def lease(name):
    return {'apiVersion': 'coordination.k8s.io/v1', 'kind': 'Lease', 'metadata': {'name': name, 'namespace': 'kube-node-lease'},
            'spec': {'holderIdentity': name, 'leaseDurationSeconds': 40, 'renewTime': now_text()}}


def same_driver(wanted, endpoint):
    """Refuses where node agent and runtime manage cgroups differently."""
    actual = runtime.status(endpoint)['cgroupDriver']
    if wanted != actual:
        hint = ' (expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups)' if actual == 'systemd' else ''
        raise Refusal(f'failed to run Kubelet: misconfiguration: kubelet cgroup driver: "{wanted}" is different from runtime cgroup driver: "{actual}"{hint}')
