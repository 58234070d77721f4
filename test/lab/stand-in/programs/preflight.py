"""kubeadm's checks before it touches a node, under kubeadm's names."""

import os
import socket
import sys

from standin import machine, runtime
from standin.cri import RuntimeFailure
from standin.ground import ROOT, Refusal, entries, exists, found_in_path, run, semver

_TOOLS = (('crictl', True), ('conntrack', True), ('ip', True), ('iptables', True), ('mount', True), ('nsenter', True),
          ('ebtables', False), ('ethtool', False), ('socat', False), ('tc', False), ('touch', False))


class Report:
    def __init__(self, ignored, node_name, endpoint):
        self.node_name, self.endpoint = node_name, endpoint
        self.ignored = {name.lower() for name in ignored}
        self.errors = []

    def error(self, name, text):
        if self.ignored & {'all', name.lower()}:
            self.warning(name, text)
        else:
            self.errors.append(f'\t[ERROR {name}]: {text}\n')

    @staticmethod
    def warning(name, text):
        sys.stderr.write(f'\t[WARNING {name}]: {text}\n')

    def end(self):
        if self.errors:
            raise Refusal('error execution phase preflight: [preflight] Some fatal errors occurred:\n' + ''.join(self.errors)
                          + '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`')


def before_init(report, version, kubeadm_version, port, is_init=True):
    if os.geteuid() != 0 and not ROOT:
        report.error('IsPrivilegedUser', 'user is not running as root')
        report.end()
    if is_init:
        if machine.cpus() < 2:
            report.error('NumCPU', f'the number of available CPUs {machine.cpus()} is less than the required 2')
        if machine.memory_mib() < 1700:
            report.error('Mem', f'the system RAM ({machine.memory_mib()} MB) is less than the minimum 1700 MB')
        if semver(version)[:2] > semver(kubeadm_version)[:2]:
            report.warning('KubernetesVersion', 'Kubernetes version is greater than kubeadm version. Please consider to upgrade kubeadm')
        for number in (port, 10259, 10257):
            _port(report, number)
        for name in ('kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'):
            _absent(report, f'/etc/kubernetes/manifests/{name}.yaml')
    else:
        for name in ('kubelet.conf', 'bootstrap-kubelet.conf'):
            _absent(report, f'/etc/kubernetes/{name}')
    _common(report, version)
    if not is_init:
        _absent(report, '/etc/kubernetes/pki/ca.crt')
    for path in ('/proc/sys/net/bridge/bridge-nf-call-iptables', '/proc/sys/net/ipv4/ip_forward'):
        content = machine.read_proc(path)
        name = 'FileContent-' + path.replace('/', '-')
        if content is None:
            report.error(name, f'{path} does not exist')
        elif not content.startswith('1'):
            report.error(name, f'{path} contents are not set to 1')
    if is_init:
        for number in (2379, 2380):
            _port(report, number)
        if entries('/var/lib/etcd'):
            report.error('DirAvailable--var-lib-etcd', '/var/lib/etcd is not empty')
    report.end()


def _common(report, version):
    try:
        if not runtime.status(report.endpoint)['ready']:
            report.error('CRI', 'container runtime is not running: runtime not ready')
    except RuntimeFailure as error:
        report.error('CRI', f'could not connect to the container runtime: container runtime is not running: validate service connection: validate CRI v1 '
                            f'runtime API for endpoint "{report.endpoint}": {error}')
    if machine.swap_is_on():
        # A warning in kubeadm since the kubelet may tolerate swap; the kubelet then refuses, and the lab wants to hear of it here.
        report.error('Swap', 'running with swap on is not supported. Please disable swap')
    for name, needed in _TOOLS:
        if not found_in_path(name):
            (report.error if needed else report.warning)(f'FileExisting-{name}', f'{name} not found in system path')
    name = report.node_name
    if not machine.resolve(name):
        report.warning('Hostname', f'hostname "{name}" could not be reached')
    code, out, _ = run(['kubelet', '--version'])
    if code != 0:
        report.error('KubeletVersion', "couldn't get kubelet version: cannot execute 'kubelet --version': executable file not found in $PATH")
    elif version and semver(out.split()[-1])[:2] > semver(version)[:2]:
        report.error('KubeletVersion', f'the kubelet version is higher than the control plane version. This is not a supported version skew and may lead to a '
                                       f'malfunctional cluster. Kubelet version: "{out.split()[-1].lstrip("v")}" Control plane version: "{version.lstrip("v")}"')
    if run(['systemctl', 'cat', 'kubelet'])[0] != 0:
        report.error('Service-Kubelet', 'kubelet service does not exist')
    elif run(['systemctl', 'is-enabled', 'kubelet'])[0] != 0:
        report.warning('Service-Kubelet', "kubelet service is not enabled, please run 'systemctl enable kubelet.service'")
    _port(report, 10250)


def images_present(report, names):
    for name in names:
        try:
            if not runtime.has_image(name, report.endpoint):
                runtime.pull(name, report.endpoint)
        except RuntimeFailure as error:
            report.error('ImagePull', f'failed to pull image {name}: {error}')
    report.end()


def _absent(report, path):
    if exists(path):
        report.error('FileAvailable-' + path.replace('/', '-'), f'{path} already exists')


def _port(report, number):
    for host in machine.listen_on():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError:
                report.error(f'Port-{number}', f'Port {number} is in use')
                return

