"""kubelet: registers its node, keeps its lease, runs its pods; on the control plane its static pods are the API server."""

import base64
import os
import sys
import threading
import time

from standin import machine, node
from standin.api import ApiError, Unreachable, from_kubeconfig, kubeconfig_text
from standin.containers import specials
from standin.cri import DEFAULT_ENDPOINT, RuntimeFailure
from standin.flags import BOOL, TEXT, parse
from standin.ground import Refusal, entries, exists, klog, load_yaml, pace, read, say, write
from standin.pods import Pods, read_log, stop_with_me
from standin.wire import Reply, serve, server_tls

_FLAGS = {**{name: TEXT for name in (
    'kubeconfig', 'bootstrap-kubeconfig', 'config', 'container-runtime-endpoint', 'node-ip', 'hostname-override', 'pod-infra-container-image',
    'cgroup-driver', 'register-with-taints', 'node-labels', 'v', 'root-dir', 'image-service-endpoint', 'cloud-provider', 'config-dir')},
    **{name: BOOL for name in ('fail-swap-on', 'version', 'rotate-certificates')}}


def main(arguments, version):
    try:
        options, extra = parse(arguments, _FLAGS, {'v': 'v'})
    except Refusal as error:
        raise Refusal(f'E "command failed" err="failed to parse kubelet flag: {error}"') from error
    if options.get('version'):
        return say(f'Kubernetes {version}')
    if extra:
        raise Refusal(f'E "command failed" err="unknown command {extra}"')
    try:
        Kubelet(options, version).live()
    except Refusal as error:
        klog(f'"command failed" err="{error}"', 'E', 'run.go:74')
        raise Refusal('') from error


class Kubelet:
    def __init__(self, options, version):
        machine.rename_process('kubelet')
        self.options, self.version, self.config = options, version, self._configuration(options)
        if machine.swap_is_on() and options.get('fail-swap-on', self.config.get('failSwapOn', True)):
            raise Refusal('failed to run Kubelet: running with swap on is not supported, please disable swap or set --fail-swap-on flag to false')
        self.endpoint = options.get('container-runtime-endpoint') or self.config.get('containerRuntimeEndpoint') or DEFAULT_ENDPOINT
        if '://' not in self.endpoint:
            self.endpoint = f'unix://{self.endpoint}'
        try:
            node.same_driver(options.get('cgroup-driver') or self.config.get('cgroupDriver', 'cgroupfs'), self.endpoint)
        except RuntimeFailure as error:
            raise Refusal(f'failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint "{self.endpoint}": {error}') from error
        self.name = options.get('hostname-override') or machine.hostname()
        self.address = node.choose_address(options.get('node-ip'), self.name)
        self.api, self.assigned, self.news, self.subnet, self.static_statuses = None, {}, threading.Event(), None, {}
        self.static, self.runner = (Pods(self.address, self.endpoint, lambda: self.subnet, specials(self)) for _ in range(2))

    @staticmethod
    def _configuration(options):
        path = options.get('config')
        if not path:
            return {}
        text = read(path)
        if text is None:
            raise Refusal(f'failed to load kubelet config file, path: {path}, error: failed to load Kubelet config file {path}, error failed to read '
                          f'kubelet config file "{path}", error: open {path}: no such file or directory')
        return load_yaml(text)[0]

    def live(self):
        stop_with_me([self.static, self.runner])
        serve([machine.loopback()], self.config.get('healthzPort', 10248), None, lambda request: Reply(200, 'ok', 'text/plain'))
        self._static_loop()
        self._log_in()
        self._serve_logs()
        for loop in (self._heartbeat, self._watch_pods):
            threading.Thread(target=self._forever, args=(loop,), daemon=True).start()
        self._forever(self._run_pods)

    @staticmethod
    def _forever(loop):
        while True:
            try:
                loop()
            except (ApiError, Unreachable, RuntimeFailure, OSError) as error:
                klog(f'{loop.__name__.strip("_")}: {error}', 'E')
                time.sleep(pace(1))

    def _static_loop(self):
        """Starts what the manifests folder holds; looks again every 20 s."""

        def loop():
            while True:
                pods = []
                for name in entries(self.config.get('staticPodPath') or '/none'):
                    pod = load_yaml(read(f'{self.config["staticPodPath"]}/{name}'))[0]
                    meta = pod['metadata']
                    meta.update(name=f'{meta["name"]}-{self.name}', uid=f'static-{meta["name"]}', namespace=meta.get('namespace', 'default'))
                    meta.setdefault('annotations', {})['kubernetes.io/config.mirror'] = 'static'
                    pod['spec'].update(nodeName=self.name, hostNetwork=True)
                    pods.append(pod)
                statuses = self.static.sync(pods)
                self.static_statuses = {pod['metadata']['name']: (pod, statuses[pod['metadata']['uid']]) for pod in pods}
                settled = all(one['phase'] == 'Running' for one in statuses.values())
                time.sleep(pace(20 if settled and pods else 1))

        threading.Thread(target=loop, daemon=True).start()

    def _log_in(self):
        kubeconfig = self.options.get('kubeconfig')
        if not kubeconfig:
            klog('"Standalone mode, no API client"')
            while True:
                time.sleep(3600)
        if not exists(kubeconfig):
            bootstrap = self.options.get('bootstrap-kubeconfig')
            if not bootstrap or not exists(bootstrap):
                raise Refusal(f'failed to run Kubelet: unable to load bootstrap kubeconfig: stat {bootstrap}: no such file or directory')
            self._bootstrap(bootstrap, kubeconfig)
        self.api = from_kubeconfig(kubeconfig)

    def _bootstrap(self, bootstrap, kubeconfig):
        from standin.pki import make_request

        api = from_kubeconfig(bootstrap)
        request, key = make_request(f'/O=system:nodes/CN=system:node:{self.name}')
        name = f'node-csr-{os.urandom(8).hex()}'
        wanted = {'apiVersion': 'certificates.k8s.io/v1', 'kind': 'CertificateSigningRequest', 'metadata': {'name': name},
                  'spec': {'request': base64.b64encode(request.encode()).decode(), 'signerName': 'kubernetes.io/kube-apiserver-client-kubelet',
                           'usages': ['digital signature', 'client auth']}}
        signed = api.create(wanted)
        while not signed.get('status', {}).get('certificate'):
            time.sleep(0.3)
            signed = api.get('certificates.k8s.io/v1', 'CertificateSigningRequest', None, name)
        certificate = base64.b64decode(signed['status']['certificate']).decode()
        write('/var/lib/kubelet/pki/kubelet-client-current.pem', certificate + key, 0o600)
        write(kubeconfig, kubeconfig_text(api.server, api.ca, 'default-auth', key_file='/var/lib/kubelet/pki/kubelet-client-current.pem'), 0o600)

    def _serve_logs(self):
        from standin.pki import make_ca

        certificate, key = make_ca(self.name, 365)
        serve(machine.listen_on(), self.config.get('port', 10250), server_tls(certificate, key), answer_logs)

    def _labels(self):
        pairs = filter(None, self.options.get('node-labels', '').split(','))
        return dict(pair.split('=', 1) for pair in pairs)

    def _taints(self):
        found = []
        for text in filter(None, self.options.get('register-with-taints', '').split(',')):
            rest, _, effect = text.rpartition(':')
            key, _, value = rest.partition('=')
            found.append({'key': key, 'effect': effect, **({'value': value} if value else {})})
        return found + (self.config.get('registerWithTaints') or [])

    def _heartbeat(self):
        wanted = node.describe(self.name, self.address, self.version, self._labels(), self.endpoint, taints=self._taints())
        if self.api.get('v1', 'Node', None, self.name) is None:
            self.api.create(wanted)
            klog(f'"Successfully registered node" node="{self.name}"')
        shown = None
        while True:
            ready = node.ready_condition(self.endpoint)
            if ready['status'] != shown:
                # A create or a patch of the whole status: conditions that others set are kept out of it.
                self.api.patch('v1', 'Node', None, self.name, {**wanted, 'spec': {}, 'status': {**wanted['status'], 'conditions': [ready]}})
                shown = ready['status']
            self.api.apply(node.lease(self.name))
            current = self.api.get('v1', 'Node', None, self.name)
            if current is None or next(one for one in current['status']['conditions'] if one['type'] == 'Ready')['status'] != shown:
                return
            self.subnet = current['spec'].get('podCIDR')
            self.news.set()
            time.sleep(pace(10 if shown == 'True' else 2))

    def _watch_pods(self):
        query = {'fieldSelector': f'spec.nodeName={self.name}'}
        reply = self.api.make().request('GET', '/api/v1/pods', query=query).json()
        self.assigned = {pod['metadata']['uid']: pod for pod in reply['items']}
        self.news.set()
        for change, pod in self.api.watch('v1', 'Pod', reply['metadata']['resourceVersion'], **query):
            if change == 'DELETED':
                self.assigned.pop(pod['metadata']['uid'], None)
            elif change != 'BOOKMARK':
                self.assigned[pod['metadata']['uid']] = pod
            self.news.set()

    def _run_pods(self):
        api = from_kubeconfig(self.options['kubeconfig'])
        while True:
            self.news.clear()
            own = [pod for pod in list(self.assigned.values()) if 'kubernetes.io/config.mirror' not in (pod['metadata'].get('annotations') or {})]
            statuses = self.runner.sync(own)
            for pod in own:
                report(api, pod, statuses.get(pod['metadata']['uid']))
            for name, (pod, status) in self.static_statuses.items():
                self._mirror(api, name, pod, status)
            self.news.wait(pace(1 if any(one['phase'] == 'Pending' for one in statuses.values()) else 5))

    @staticmethod
    def _mirror(api, name, pod, status):
        there = api.get('v1', 'Pod', pod['metadata']['namespace'], name)
        if there and there['metadata'].get('deletionTimestamp'):
            there = api.delete('v1', 'Pod', pod['metadata']['namespace'], name, 0)
        if there is None:
            there = api.create({**pod, 'metadata': {key: value for key, value in pod['metadata'].items() if key != 'uid'}})
        report(api, there, {**status, 'startTime': there.get('status', {}).get('startTime') or status['startTime']})


def report(api, pod, status):
    """Tells the API server a pod's status, or that a pod which was to go is gone."""
    meta = pod['metadata']
    try:
        if status is None:
            api.delete('v1', 'Pod', meta['namespace'], meta['name'], 0)
        elif status != pod.get('status'):
            pod['status'] = api.send('PUT', f'/api/v1/namespaces/{meta["namespace"]}/pods/{meta["name"]}/status',
                                     {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': meta['name'], 'namespace': meta['namespace']},
                                      'status': status}).json()['status']
    except ApiError as error:
        if error.status != 404:
            raise


def answer_logs(request):
    """GET /containerLogs/<namespace>/<pod>/<container>, as the API server asks a kubelet."""
    parts = request.path.strip('/').split('/')
    if len(parts) != 4 or parts[0] != 'containerLogs':
        return Reply(404, '404 page not found', 'text/plain')
    text = read_log(*parts[1:], request.query.get('tailLines'))
    return Reply(404, f'container "{parts[3]}" in pod "{parts[2]}" is not available', 'text/plain') if text is None else Reply(200, text, 'text/plain')


def child_command(program, *arguments):
    """How this very file runs as another program: the kubelet carries cloudcore and the API server."""
    return ['/usr/bin/python3', '-IS', os.path.abspath(sys.argv[0]), f'--stand-in={program}', *arguments]
