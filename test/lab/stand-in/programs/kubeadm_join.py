"""kubeadm join: trusts the cluster by token and pinned key, then lets the kubelet ask for its certificate."""

import base64
import hmac

from standin import kubeadm_config, machine, pki, preflight
from standin.api import Api, ApiError, Unreachable, from_kubeconfig, kubeconfig_text
from standin.cri import DEFAULT_ENDPOINT
from standin.flags import SLICE, TEXT, parse
from standin.ground import Refusal, exists, load_yaml, remove, run, say, wait_for, write

_BOOTSTRAP, _KUBELET = '/etc/kubernetes/bootstrap-kubelet.conf', '/etc/kubernetes/kubelet.conf'


def run_join(arguments, version, common):
    options, words = parse(arguments, {**common, 'config': TEXT, 'token': TEXT, 'discovery-token': TEXT, 'tls-bootstrap-token': TEXT,
                                       'discovery-token-ca-cert-hash': SLICE, 'node-name': TEXT, 'cri-socket': TEXT, 'ignore-preflight-errors': SLICE,
                                       'skip-phases': SLICE})
    settings = _settings(options, words, version)
    say('[preflight] Running pre-flight checks')
    report = preflight.Report(options.get('ignore-preflight-errors', []), settings['node'], settings['endpoint'])
    preflight.before_init(report, None, version, 0, is_init=False)
    server = _discover(settings)
    say('[preflight] Reading configuration from the cluster...')
    _kubelet_start(settings, server)
    say('\nThis node has joined the cluster:\n* Certificate signing request was sent to apiserver and a response was received.\n'
        "* The Kubelet was informed of the new secure connection details.\n\nRun 'kubectl get nodes' on the control-plane to see this node join the cluster.\n")


def _settings(options, words, version):
    document = kubeadm_config.load(options['config'], version).get('JoinConfiguration') if 'config' in options else {}
    if document is None:
        raise Refusal('no JoinConfiguration was found in the config file')
    registration, discovery = document.get('nodeRegistration', {}), document.get('discovery', {}).get('bootstrapToken', {})
    token = discovery.get('token') or options.get('discovery-token') or options.get('token')
    server = discovery.get('apiServerEndpoint') or (words[0] if words else None)
    hashes = discovery.get('caCertHashes') or options.get('discovery-token-ca-cert-hash') or []
    if not token or not server:
        raise Refusal('discovery: Invalid value: "": bootstrapToken or file must be set')
    if not hashes and not discovery.get('unsafeSkipCAVerification'):
        raise Refusal('discovery.bootstrapToken.caCertHashes: Invalid value: "": using token-based discovery without caCertHashes can be unsafe. Set '
                      'unsafeSkipCAVerification as true in your kubeadm config file or pass --discovery-token-unsafe-skip-ca-verification flag to continue')
    if document.get('controlPlane'):
        raise Refusal('[stand-in] a second control plane is not carried')
    return {'token': token, 'server': f'https://{server}', 'hashes': hashes,
            'node': registration.get('name') or options.get('node-name') or machine.hostname(),
            'endpoint': registration.get('criSocket') or options.get('cri-socket') or DEFAULT_ENDPOINT,
            'taints': registration.get('taints') or [], 'arguments': kubeadm_config.arguments_of(registration.get('kubeletExtraArgs'))}


def _discover(settings):
    """An Api of the verified server that logs in with the token."""
    from standin.controllers import detached_signature

    name, _, secret = settings['token'].partition('.')
    trouble = "error execution phase preflight: couldn't validate the identity of the API Server: "
    found = {}

    def ask():
        try:
            found['info'] = Api(settings['server'], timeout=10).get('v1', 'ConfigMap', 'kube-public', 'cluster-info')
            return f'jws-kubeconfig-{name}' in (found['info'] or {}).get('data', {})
        except (Unreachable, ApiError) as error:
            found['error'] = str(error)
            return False

    # The real one asks for five minutes; a token that is not there will not come.
    if not wait_for(ask, 10, 1):
        if found.get('info'):
            raise Refusal(f'{trouble}token id "{name}" is invalid for this cluster or it has expired. Use "kubeadm token create" on the control-plane node '
                          f'to create a new valid token (could not find a JWS signature in the cluster-info ConfigMap for token ID "{name}")')
        raise Refusal(f'{trouble}failed to request the cluster-info ConfigMap: {found.get("error", "not found")}')
    data = found['info']['data']
    if not hmac.compare_digest(data[f'jws-kubeconfig-{name}'], detached_signature(name, secret, data['kubeconfig'])):
        raise Refusal(f"{trouble}failed to verify JWS signature of received cluster info object, can't trust this API Server")
    cluster = load_yaml(data['kubeconfig'])[0]['clusters'][0]['cluster']
    ca = base64.b64decode(cluster['certificate-authority-data']).decode()
    pin = f'sha256:{pki.public_key_hash(ca)}'
    if settings['hashes'] and pin not in [one.lower() for one in settings['hashes']]:
        raise Refusal(f'{trouble}cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "{pin}" are pinned')
    api = Api(settings['server'], ca, token=settings['token'])
    try:
        api.send('GET', '/version')
    except Unreachable as error:
        raise Refusal(f'{trouble}{error}') from error
    return Api(cluster['server'], ca, token=settings['token'])


def _kubelet_start(settings, api):
    node = api.get('v1', 'Node', None, settings['node'])
    if node and any(one['type'] == 'Ready' and one['status'] == 'True' for one in node['status'].get('conditions', [])):
        raise Refusal(f'error execution phase kubelet-start: a Node with name "{settings["node"]}" and status "Ready" already exists in the cluster. You must '
                      'delete the existing Node or change the name of this new joining Node')
    from standin.kubeadm import kubelet_healthy, start_kubelet
    from standin.kubeadm_files import write_kubelet_files

    configuration = load_yaml(api.get('v1', 'ConfigMap', 'kube-system', 'kubelet-config')['data']['kubelet'])[0]
    run(['systemctl', 'stop', 'kubelet'])
    write(_BOOTSTRAP, kubeconfig_text(api.server, api.ca, 'tls-bootstrap-token-user', token=settings['token']), 0o600)
    try:
        write('/etc/kubernetes/pki/ca.crt', api.ca)
        taints = ','.join(f'{one["key"]}={one.get("value", "")}:{one["effect"]}' for one in settings['taints'])
        write_kubelet_files(configuration, {'container-runtime-endpoint': settings['endpoint'], **({'register-with-taints': taints} if taints else {}),
                                            **settings['arguments']})
        start_kubelet()
        say('[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap...')
        if not wait_for(lambda: kubelet_healthy() and exists(_KUBELET), 300, 1):
            from standin.kubeadm import _FAILED

            say(_FAILED.format(error='timed out waiting for the condition'))
            raise Refusal('error execution phase kubelet-start: timed out waiting for the condition')
        own = from_kubeconfig(_KUBELET)
        if wait_for(lambda: own.get('v1', 'Node', None, settings['node']), 30, 0.5):
            own.patch('v1', 'Node', None, settings['node'], {'metadata': {'annotations': {'kubeadm.alpha.kubernetes.io/cri-socket': settings['endpoint']}}})
        else:
            raise Refusal(f'error execution phase kubelet-start: error uploading crisocket: nodes "{settings["node"]}" not found')
    finally:
        remove(_BOOTSTRAP)
