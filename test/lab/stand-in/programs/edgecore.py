"""edgecore: gets its certificate with the token, holds the connection to cloudcore, and runs its pods with or without it."""

import hashlib
import json
import os
import ssl
import sys
import threading
import time

from standin import edge_config, machine, node, pki
from standin.broker import run_broker
from standin.containers import edge_specials
from standin.cri import RuntimeFailure
from standin.duplex import Duplex
from standin.flags import BOOL, TEXT, parse
from standin.ground import Refusal, dump_yaml, klog, load_yaml, pace, read, say, semver, write
from standin.kubelet import answer_logs
from standin.pods import Pods, stop_with_me
from standin.wire import Client, Reply, Request, client_tls, explain, serve, upgrade_head

_CONFIG, _BOOTSTRAP = '/etc/kubeedge/config/edgecore.yaml', '/etc/kubeedge/bootstrap-edgecore.conf'
_KUBELET = {12: 'v1.22.17', 13: 'v1.23.17', 14: 'v1.24.17', 15: 'v1.26.15', 16: 'v1.27.15', 17: 'v1.28.11', 18: 'v1.29.6', 19: 'v1.29.6',
            20: 'v1.30.7', 21: 'v1.30.7', 22: 'v1.31.12', 23: 'v1.32.10'}


def main(arguments, version):
    options, _ = parse(arguments, {'config': TEXT, 'version': BOOL, 'defaultconfig': BOOL, 'minconfig': BOOL, 'v': TEXT}, {'v': 'v'})
    if options.get('version'):
        return say(f'KubeEdge {version}')
    if options.get('defaultconfig') or options.get('minconfig'):
        local = node.local_address(machine.hostname()) or ''
        return say(dump_yaml(edge_config.shown(edge_config.defaults(machine.hostname(), local, version))).rstrip())
    machine.rename_process('edgecore')
    try:
        EdgeCore(options.get('config', _CONFIG), version).live()
    except Refusal as error:
        klog(str(error), 'F', 'server.go:100')
        raise Refusal('', error.code) from error
    return None


class EdgeCore:
    def __init__(self, path, version):
        text = read(path)
        if text is None:
            raise Refusal(f'open {path}: no such file or directory')
        self.config = edge_config.completed(load_yaml(text)[0], machine.hostname(), version)
        modules = self.config['modules']
        self.edged, self.hub, self.stream, self.kubelet = modules['edged'], modules['edgeHub'], modules['edgeStream'], modules['edged']['tailoredKubeletConfig']
        self.token = (read(_BOOTSTRAP) or self.hub.get('token') or '').strip()
        self.path, self.modules = path, modules
        klog(f'Version: {version}')
        if os.environ.get('CHECK_EDGECORE_ENVIRONMENT') != 'false' and not modules['metaManager']['metaServer']['enable'] and machine.process_named('kubelet'):
            raise Refusal('failed to check the running environment: kubelet should not be running on edge node when starting edgecore')
        self.name, self.version = self.edged['hostnameOverride'], f'{_KUBELET[int(version.split(".")[1])]}-kubeedge-{version}'
        self._custom_interface()
        self.address, self.endpoint = self._address(), self.kubelet['containerRuntimeEndpoint']
        try:
            node.same_driver(self.kubelet['cgroupDriver'], self.endpoint)
        except RuntimeFailure as error:
            raise Refusal(f'failed to run Kubelet: validate service connection: {error}') from error
        self.store = self.config['database']['dataSource']
        self.assigned = json.loads(read(self.store) or '[]')
        self.runner = Pods(self.address or '127.0.0.1', self.endpoint, lambda: self.subnet, edge_specials())
        self.tunnel = None
        self.connection, self.registered, self.subnet, self.news, self.sent = None, False, None, threading.Event(), {}

    def _custom_interface(self):
        """Asked once, at the start, and told the file with the next writing of it: with a NIC that has no address edgecore ends."""
        wanted = self.edged.get('customInterfaceName')
        if not wanted:
            return
        line = {21: 125, 22: 125, 23: 128}.get(semver(self.version.rsplit('-', 1)[1])[1], 117)
        try:
            self.edged['nodeIP'] = node.bind_address(wanted)
        except Refusal as error:
            klog(str(error), 'E', f'server.go:{line}')
            sys.exit(1)
        klog(f'Get IP address by custom interface successfully, {wanted}: {self.edged["nodeIP"]}', source=f'server.go:{line + 4}')

    def _address(self):
        """The node's, asked anew for every report: one that the host does not have leaves the status without it, and nothing more."""
        wanted, name = self.edged.get('nodeIP'), machine.hostname()
        try:
            return node.choose_address(wanted, name)
        except Refusal as error:
            trouble = f'failed to validate nodeIP: {error}' if wanted else str(error)
            klog(f'"Failed to set some node status fields" err={json.dumps(trouble)} node="{self.name}"', 'E', 'kubelet_node_status.go:99')
            return None

    def live(self):
        stop_with_me([self.runner])
        serve([machine.loopback()], self.kubelet['readOnlyPort'], None, self._answer)
        if self.modules['eventBus']['mqttMode'] in (0, 1):
            threading.Thread(target=run_broker, daemon=True).start()
        self._certificates()
        loops = [self._hub_loop, self._run_pods] + ([self._tunnel_loop] if self.stream['enable'] else [])
        for loop in loops:
            threading.Thread(target=_forever, args=(loop,), daemon=True).start()
        while True:
            self._report()
            if self.tunnel:
                self._sign_of_life(self.tunnel)
            time.sleep(pace(10))

    @staticmethod
    def _sign_of_life(tunnel):
        try:
            tunnel.send({})
        except OSError as error:
            klog(f'tunnel: {error}', 'W')

    def _certificates(self):
        if all(read(self.hub[name]) for name in ('tlsCaFile', 'tlsCertFile', 'tlsPrivateKeyFile')):
            return
        klog('Reuse the token to obtain the certificate')
        try:
            self._apply_for_certificates()
        except Refusal as error:
            raise Refusal(f'panic: failed to apply the edge certs, err: {error}', 2) from error
        self.hub['token'] = ''
        write(self.path, dump_yaml(edge_config.shown(self.config)), 0o640)

    def _apply_for_certificates(self):
        host, port = self.hub['httpServer'].removeprefix('https://').rsplit(':', 1)
        try:
            ca = Client(host, port, client_tls(), timeout=30).request('GET', '/ca.crt').body
        except OSError as error:
            raise Refusal(f'failed to get CA certificate, err: Get "https://{host}:{port}/ca.crt": {explain(error, host, int(port))}') from error
        parts = self.token.split('.')
        if len(parts) != 4:
            raise Refusal(f'token {self.token} credentials are in the wrong format')
        if hashlib.sha256(ca).hexdigest() != parts[0]:
            raise Refusal(f'failed to validate CA certificate. tokenCAhash: {parts[0]}, CAhash: {hashlib.sha256(ca).hexdigest()}')
        write(self.hub['tlsCaFile'], pki.to_pem(ca))
        request, key = pki.make_request(f'/C=CN/O=system:nodes/L=Hangzhou/ST=Zhejiang/CN=system:node:{self.name}')
        try:
            reply = Client(host, port, client_tls(pki.to_pem(ca)), '.'.join(parts[1:]), 30).request(
                'GET', '/edge.crt', pki.to_der(request), headers={'NodeName': self.name})
        except OSError as error:
            raise Refusal('failed to get edge certificate from the cloudcore, error: failed to request the cloudcore server, err: '
                          f'Get "https://{host}:{port}/edge.crt": {explain(error, host, int(port))}') from error
        if reply.status != 200:
            raise Refusal(f'failed to get edge certificate from the cloudcore, error: failed to call http, code: {reply.status}, message: {reply.text()}')
        write(self.hub['tlsCertFile'], pki.to_pem(reply.body))
        write(self.hub['tlsPrivateKeyFile'], key, 0o600)

    def _connect(self, server, path, headers):
        host, port = server.rsplit(':', 1)
        tls = client_tls(*(read(self.hub[name]) for name in ('tlsCaFile', 'tlsCertFile', 'tlsPrivateKeyFile')))
        client = Client(host, port, tls, timeout=30)
        try:
            client.connect()
            client.send('GET', path, headers={'Connection': 'Upgrade', 'Upgrade': 'websocket', **headers})
            head = upgrade_head(client.socket)
            if ' 101 ' not in f'{head} ':
                raise OSError(f'bad handshake: {head}')
        except (OSError, ssl.SSLError) as error:
            raise Refusal(f'dial websocket error({explain(error, host, int(port))}), url: wss://{server}{path}') from error
        # The hub answers every report, the tunnel every sign of life: one each 10 s.
        return Duplex(client.socket, 35)

    def _hub_loop(self):
        client = self._connect(self.hub['websocket']['server'], f'/{self.hub["projectID"]}/{self.name}/events', {'node_id': self.name})
        klog(f'Websocket connect to {self.hub["websocket"]["server"]} successful')
        self.connection, self.sent = client, {}
        try:
            self._report()
            for message in client.messages():
                if 'registered' in message:
                    self.registered, self.subnet = True, message['podCIDR'] or self.subnet
                if 'pods' in message:
                    self.assigned = message['pods']
                    write(self.store, json.dumps(self.assigned), 0o600)
                self.news.set()
            raise OSError('EOF')
        finally:
            self.connection = None
            client.close()

    def _tell(self, message):
        client = self.connection
        if client:
            try:
                client.send(message)
                return True
            except OSError as error:
                klog(f'websocket write error: {error}', 'W')
        return False

    def _report(self):
        labels = {'node-role.kubernetes.io/edge': '', 'node-role.kubernetes.io/agent': '', **{key: str(value) for key, value in self.edged['nodeLabels'].items()}}
        self.address = self._address()
        self.runner.host_ip = self.address or '127.0.0.1'
        wanted = node.describe(self.name, self.address, self.version, labels, self.endpoint, port=self.kubelet['readOnlyPort'])
        self._tell({'node': wanted, 'register': not self.registered})

    def _run_pods(self):
        while True:
            self.news.clear()
            pods = list(self.assigned)
            statuses = self.runner.sync(pods)
            changed = []
            for pod in pods:
                meta, status = pod['metadata'], statuses.get(pod['metadata']['uid'])
                if self.sent.get(meta['uid'], 'never') != status and status != pod.get('status'):
                    changed.append({'metadata': {'name': meta['name'], 'namespace': meta['namespace']}, 'status': status})
            if changed and self._tell({'pods': changed}):
                self.sent.update((pod['metadata']['uid'], statuses.get(pod['metadata']['uid'])) for pod in pods)
            self.news.wait(pace(1 if any(one['phase'] == 'Pending' for one in statuses.values()) else 5))

    def _tunnel_loop(self):
        client = self._connect(self.stream['server'], '/v1/kubeedge/connect', {'SessionKey': self.name})
        self.tunnel = client
        for asked in client.messages():
            if 'path' not in asked:
                continue
            request = Request('GET', asked['path'], {}, b'', {})
            request.query = asked['query']
            reply = answer_logs(request)
            client.send({'id': asked['id'], 'status': reply.status, 'body': reply.text()})
        raise OSError('tunnel closed')

    def _answer(self, request):
        if request.path in ('/healthz', '/healthz/syncloop', '/healthz/ping'):
            return Reply(200, 'ok', 'text/plain')
        if request.path == '/pods':
            return Reply(200, {'kind': 'PodList', 'apiVersion': 'v1', 'metadata': {}, 'items': self.assigned})
        if request.path == '/metrics':
            return Reply(200, f'edge_hub_connected {1 if self.connection else 0}\n', 'text/plain')
        return Reply(404, '404 page not found', 'text/plain')


def _forever(loop):
    while True:
        try:
            loop()
        except (Refusal, OSError, ValueError) as error:
            klog(f'{loop.__name__.strip("_")}: {error}', 'E')
        time.sleep(pace(3))
