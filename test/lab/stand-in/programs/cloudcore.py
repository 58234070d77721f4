"""cloudcore: the hub (10000), certificates (10002), streams (10003) and the tunnel (10004), with its secrets in the cluster."""

import base64
import hashlib
import hmac
import json
import threading
import time

from standin import machine, pki
from standin.api import Api, ApiError, Unreachable
from standin.flags import TEXT, parse
from standin.ground import Refusal, klog, load_yaml, read
from standin.hub import Hub, Tunnel
from standin.wire import Reply, serve, server_tls

_REFRESH_HOURS = 12
_LIFE_DAYS = 36400


def main(arguments, version):
    if arguments == ['--version']:
        from standin.ground import say

        return say(f'KubeEdge {version}')
    machine.rename_process('cloudcore')
    options, _ = parse(arguments, {'access': TEXT, 'image': TEXT})
    access = json.loads(read(options['access']))
    api = Api(access['server'], access['ca'], token=access['token'])
    klog(f'Version: {options["image"].rpartition(":")[2]}')
    _service_address_answers(api, access['node'])
    try:
        CloudCore(api, access['node']).live()
    except (ApiError, Unreachable) as error:
        raise Refusal(f'panic: {error}', 255) from error
    return None


def _service_address_answers(api, node):
    """The real one speaks to the cluster's service address: without a route, or without kube-proxy, it dies."""
    service = api.get('v1', 'Service', 'default', 'kubernetes')['spec']['clusterIP']
    trouble = f'panic: failed to create system namespace: Get "https://{service}:443/api/v1/namespaces/kubeedge": dial tcp {service}:443: '
    if not machine.has_route(service):
        raise Refusal(f'{trouble}connect: network is unreachable', 255)
    proxies = api.list('v1', 'Pod', 'kube-system', labelSelector='k8s-app=kube-proxy', fieldSelector=f'spec.nodeName={node}')
    if not any(pod.get('status', {}).get('phase') == 'Running' for pod in proxies):
        raise Refusal(f'{trouble}i/o timeout', 255)


class CloudCore:
    def __init__(self, api, node):
        self.api, self.node = api, node
        config = load_yaml(api.get('v1', 'ConfigMap', 'kubeedge', 'cloudcore')['data']['cloudcore.yaml'])[0]
        self.modules = config['modules']
        self.addresses = [one for one in self.modules['cloudHub']['advertiseAddress'] if one]
        if not self.addresses:
            raise Refusal('modules.cloudHub.advertiseAddress: Invalid value: "": the address that edge nodes can access must be set')
        # The chart's default is a list of one empty name, which the certificate then carries.
        self.names = [one or '' for one in self.modules['cloudHub'].get('dnsNames') or []]

    def live(self):
        record = {'ipTunnelPort': {self.addresses[0]: 10351}, 'port': {'10351': True}}
        self.api.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'tunnelport', 'namespace': 'kubeedge', 'annotations': {
            'tunnelportrecord.kubeedge.io': json.dumps(record)}}})
        self._certificates()
        self._refresh_token()
        hub, hosts = Hub(self.api, self.modules['cloudStream']['enable']), machine.listen_on()
        mutual = server_tls(self.certificate, self.key, self.ca, demand=True)
        serve(hosts, self.modules['cloudHub']['websocket']['port'], mutual, hub)
        serve(hosts, self.modules['cloudHub']['https']['port'], server_tls(self.certificate, self.key, self.ca), self.answer)
        if self.modules['cloudStream']['enable']:
            tunnel = Tunnel()
            serve(hosts, self.modules['cloudStream']['tunnelPort'], mutual, tunnel)
            serve(hosts, self.modules['cloudStream']['streamPort'], server_tls(self.certificate, self.key), tunnel.ask)
        klog('Starting cloudhub websocket server')
        threading.Thread(target=self._refresh_loop, daemon=True).start()
        hub.follow_pods()

    def _certificates(self):
        """A CA and a server pair are made only where the secrets are missing: an address that came later is not in the old pair."""
        secret = self._secret('casecret')
        if secret:
            self.ca, self.ca_key = pki.to_pem(secret['cadata']), pki.to_pem(secret['cakeydata'], 'PRIVATE KEY')
        else:
            klog("Ca and CaKey don't exist in the secret, and will be created by CloudCore")
            self.ca, self.ca_key = pki.make_ca('KubeEdge', _LIFE_DAYS)
            self._keep('casecret', cadata=pki.to_der(self.ca), cakeydata=pki.to_der(self.ca_key))
        pair = self._secret('cloudcoresecret')
        if pair:
            self.certificate, self.key = pki.to_pem(pair['cloudcoredata']), pki.to_pem(pair['cloudcorekeydata'], 'PRIVATE KEY')
        else:
            klog("CloudCoreCert and key don't exist in the secret, and will be signed by CA")
            self.certificate, self.key = pki.issue(self.ca, self.ca_key, '/O=KubeEdge/CN=KubeEdge', self.addresses, self.names, 'serverAuth', _LIFE_DAYS)
            self._keep('cloudcoresecret', cloudcoredata=pki.to_der(self.certificate), cloudcorekeydata=pki.to_der(self.key))

    def _secret(self, name):
        found = self.api.get('v1', 'Secret', 'kubeedge', name)
        return {key: base64.b64decode(value) for key, value in found['data'].items()} if found else None

    def _keep(self, name, **data):
        self.api.apply({'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': name, 'namespace': 'kubeedge'}, 'type': 'Opaque',
                        'data': {key: base64.b64encode(value).decode() for key, value in data.items()}})

    def _refresh_token(self):
        token = make_token(pki.to_der(self.ca), pki.to_der(self.ca_key), int(time.time()) + 2 * _REFRESH_HOURS * 3600)
        self._keep('tokensecret', tokendata=token.encode())
        klog('token created successfully')

    def _refresh_loop(self):
        while True:
            time.sleep(_REFRESH_HOURS * 3600)
            try:
                self._refresh_token()
            except (ApiError, Unreachable) as error:
                # The real loop ends for good here too, and an expired token stays in the secret.
                klog(f'failed to refresh the new token, err: {error}', 'W')
                return

    def answer(self, request):
        """What 10002 serves."""
        if request.path == '/ca.crt':
            return Reply(200, pki.to_der(self.ca), 'application/octet-stream')
        if request.path == '/edge.crt':
            return self._edge_certificate(request)
        if request.path.startswith('/node/') and request.method == 'GET':
            try:
                known = self.api.make().request('GET', '/api/v1/nodes/' + request.path.removeprefix('/node/'))
            except OSError:
                return Reply(500, 'Failed to query node information', 'text/plain')
            return Reply(known.status, 'Node founded', 'text/plain') if known.status == 200 else Reply(404, 'Node not found', 'text/plain')
        return Reply(404, '404: Page Not Found', 'text/plain')

    def _edge_certificate(self, request):
        node, authorization = request.headers.get('nodename', ''), request.headers.get('authorization', '')
        if request.peer:
            if request.peer.get('O') != 'system:nodes' or request.peer.get('CN') != f'system:node:{node}':
                return Reply(401, f'failed to verify the certificate for edgenode: {node}, err: request node name is not match with the certificate', 'text/plain')
        elif problem := _token_problem(authorization, pki.to_der(self.ca_key)):
            return Reply(401, problem, 'text/plain')
        request_pem = pki.to_pem(request.body, 'CERTIFICATE REQUEST')
        return Reply(200, pki.to_der(pki.sign_request(self.ca, self.ca_key, request_pem)), 'application/octet-stream')


def _encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


def make_token(ca_der, key_der, expires):
    """hex(sha256(CA)) and a JWT that carries only its end."""
    head, claims = (_encode(json.dumps(part, separators=(',', ':')).encode()) for part in ({'alg': 'HS256', 'typ': 'JWT'}, {'exp': expires}))
    signature = _encode(hmac.new(key_der, f'{head}.{claims}'.encode(), hashlib.sha256).digest())
    return f'{hashlib.sha256(ca_der).hexdigest()}.{head}.{claims}.{signature}'


def _token_problem(authorization, key_der):
    """Why cloudcore refuses a bearer token, or None."""
    if not authorization:
        return 'token validation failure, token is empty'
    parts = authorization.partition(' ')[2].split('.')
    if len(parts) != 3:
        return 'token validation failure, err: token is malformed: token contains an invalid number of segments'
    wanted = _encode(hmac.new(key_der, f'{parts[0]}.{parts[1]}'.encode(), hashlib.sha256).digest())
    if not hmac.compare_digest(wanted, parts[2]):
        return 'token validation failure, err: token signature is invalid: signature is invalid'
    if json.loads(base64.urlsafe_b64decode(parts[1] + '==='))['exp'] < time.time():
        return 'token validation failure, err: token has invalid claims: token is expired'
    return None

