"""A client of the API server, from a kubeconfig; errors carry the server's words."""

import base64
import ssl

from standin.ground import Refusal, dump_yaml, load_yaml, read
from standin.kinds import KINDS, by_version
from standin.wire import Client, client_tls, explain


class ApiError(Refusal):
    """The server's own answer: code 404, reason NotFound, message."""

    def __init__(self, status, reason, message):
        super().__init__(message)
        self.status, self.reason = status, reason


class Unreachable(Refusal):
    """No answer at all; `host` as host:port, `why` in Go's words."""

    def __init__(self, host, port, error):
        self.host, self.why = f'{host}:{port}', explain(error, host, port)
        self.refused = isinstance(error, ConnectionRefusedError)
        super().__init__(f'Get "https://{self.host}": {self.why}')


class Api:
    def __init__(self, server, ca=None, certificate=None, key=None, token=None, timeout=30):
        host, _, port = server.removeprefix('https://').rstrip('/').partition(':')
        self.server, self.ca, self.host, self.port = server, ca, host, int(port or 443)
        self.make = lambda: Client(self.host, self.port, client_tls(ca, certificate, key), token, timeout)
        self.client = self.make()

    def send(self, method, path, body=None, query=None, kind='application/json'):
        try:
            reply = self.client.request(method, path, body, query, kind)
        except (OSError, ssl.SSLError) as error:
            raise Unreachable(self.host, self.port, error) from error
        if reply.status >= 400:
            try:
                status = reply.json()
                raise ApiError(reply.status, status.get('reason', ''), status.get('message', ''))
            except ValueError as error:
                raise ApiError(reply.status, 'InternalError', reply.text()) from error
        return reply

    def get(self, version, kind, namespace, name):
        """The object, or None where it is not found."""
        try:
            return self.send('GET', path_of(version, kind, namespace, name)).json()
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, version, kind, namespace=None, **query):
        return self.send('GET', path_of(version, kind, namespace), query=query).json()['items']

    def create(self, item):
        return self.send('POST', path_of(item['apiVersion'], item['kind'], item['metadata'].get('namespace')), item).json()

    def apply(self, item):
        """Creates the object, or merges it into the one that is there."""
        meta = item['metadata']
        try:
            return self.create(item)
        except ApiError as error:
            if error.reason != 'AlreadyExists':
                raise
        return self.patch(item['apiVersion'], item['kind'], meta.get('namespace'), meta['name'], item)

    def patch(self, version, kind, namespace, name, change, sub=''):
        path = path_of(version, kind, namespace, name) + sub
        return self.send('PATCH', path, change, kind='application/merge-patch+json').json()

    def delete(self, version, kind, namespace, name, grace=None):
        self.send('DELETE', path_of(version, kind, namespace, name), query={} if grace is None else {'gracePeriodSeconds': grace})

    def watch(self, version, kind, since, **query):
        """Yields (change, object) until the connection ends."""
        client = self.make()
        try:
            for event in client.lines(path_of(version, kind), {**query, 'watch': 'true', 'resourceVersion': since}):
                yield event['type'], event['object']
        finally:
            client.close()


def path_of(version, kind, namespace=None, name=None):
    return by_version(KINDS, version, kind).path(namespace, name)


def from_kubeconfig(path, timeout=30):
    """Raises Refusal where the file is missing or holds no current context."""
    text = read(path)
    if text is None:
        raise Refusal(f'stat {path}: no such file or directory')
    config = (load_yaml(text) or [{}])[0]
    context = _named(config, 'contexts', config.get('current-context'), 'context')
    cluster, user = _named(config, 'clusters', context['cluster'], 'cluster'), _named(config, 'users', context['user'], 'user')

    def pem(holder, name):
        if f'{name}-data' in holder:
            return base64.b64decode(holder[f'{name}-data']).decode()
        return read(holder[name]) if name in holder else None

    return Api(cluster['server'], pem(cluster, 'certificate-authority'), pem(user, 'client-certificate'), pem(user, 'client-key'),
               user.get('token'), timeout)


def _named(config, group, name, inner):
    for entry in config.get(group) or []:
        if entry['name'] == name:
            return entry[inner]
    raise Refusal(f'invalid configuration: no {inner} named "{name}" has been provided')


def kubeconfig_text(server, ca, user='', certificate=None, key=None, token=None, key_file=None):
    def encoded(text):
        return base64.b64encode(text.encode()).decode()

    cluster = {'name': 'kubernetes', 'cluster': {'certificate-authority-data': encoded(ca), 'server': server}}
    if not user:
        return dump_yaml({'apiVersion': 'v1', 'clusters': [{**cluster, 'name': ''}], 'contexts': None, 'current-context': '',
                          'kind': 'Config', 'preferences': {}, 'users': None})
    login = {'token': token} if token else {'client-certificate': key_file, 'client-key': key_file} if key_file else \
        {'client-certificate-data': encoded(certificate), 'client-key-data': encoded(key)}
    context = {'name': f'{user}@kubernetes', 'context': {'cluster': 'kubernetes', 'user': user}}
    return dump_yaml({'apiVersion': 'v1', 'clusters': [cluster], 'contexts': [context], 'current-context': f'{user}@kubernetes',
                      'kind': 'Config', 'preferences': {}, 'users': [{'name': user, 'user': login}]})
