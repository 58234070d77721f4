"""Who calls the API server, and what callers without the run of the house may do."""

import base64
import hashlib
import hmac

from standin.ground import seconds_of

_BOOTSTRAP_MAPS = {'kubeadm-config', 'kubelet-config', 'kube-proxy'}


def user_of(server, request):
    """{'name', 'groups'}; None where a credential was shown and is not good."""
    if 'CN' in request.peer:
        return {'name': request.peer['CN'], 'groups': [request.peer.get('O', '')]}
    scheme, _, token = request.headers.get('authorization', '').partition(' ')
    if not token:
        return {'name': 'system:anonymous', 'groups': ['system:unauthenticated']}
    if scheme != 'Bearer':
        return None
    return _account(server, token) or _bootstrap(server.store, token)


def _account(server, token):
    parts = token.split('.')
    if len(parts) != 4 or parts[0] != 'sa' or not hmac.compare_digest(account_token(server.ca_key, parts[1], parts[2]), token):
        return None
    if not server.store.get('serviceaccounts', parts[1], parts[2]):
        return None
    return {'name': f'system:serviceaccount:{parts[1]}:{parts[2]}', 'groups': ['system:serviceaccounts']}


def account_token(key, namespace, name):
    signature = hmac.new(key.encode(), f'{namespace}.{name}'.encode(), hashlib.sha256).hexdigest()
    return f'sa.{namespace}.{name}.{signature}'


def _bootstrap(store, token):
    name, _, secret = token.partition('.')
    found = bootstrap_tokens(store).get(name)
    if not found or found['token-secret'] != secret:
        return None
    return {'name': f'system:bootstrap:{name}', 'groups': ['system:bootstrappers']}


def bootstrap_tokens(store):
    """{id: secret's data as text} of the tokens that have not expired."""
    import time

    found = {}
    for secret in store.list('secrets', 'kube-system'):
        if secret.get('type') == 'bootstrap.kubernetes.io/token':
            data = {key: base64.b64decode(value).decode() for key, value in secret['data'].items()}
            if 'expiration' not in data or seconds_of(data['expiration']) > time.time():
                found[data['token-id']] = data
    return found


def may(user, method, kind, namespace, name):
    groups = user['groups']
    if 'system:masters' in groups or 'system:nodes' in groups or 'system:serviceaccounts' in groups:
        return True
    if 'system:unauthenticated' in groups:
        return method == 'GET' and (kind.plural, namespace, name) == ('configmaps', 'kube-public', 'cluster-info')
    if kind.plural == 'certificatesigningrequests':
        return method in ('GET', 'POST')
    reads_map = kind.plural == 'configmaps' and ((namespace, name) == ('kube-public', 'cluster-info')
                                                 or (namespace == 'kube-system' and name in _BOOTSTRAP_MAPS))
    return method == 'GET' and (reads_map or (kind.plural == 'nodes' and name is not None))
