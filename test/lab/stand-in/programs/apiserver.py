"""The API server: Kubernetes' REST over TLS for the kinds in kinds.py, with its ways to log in and its error texts."""

import copy
import re
import time

from standin import kinds, patch
from standin.admission import admit
from standin.ground import Refusal, now_text, read, semver
from standin.login import may, user_of
from standin.selection import fields_match, labels_match
from standin.wire import Reply, server_tls, serve

_PATH = re.compile(r'/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))'
                   r'(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>\w+))?)?')
_WATCH_SECONDS = 300


def failure(code, reason, message, **details):
    return Reply(code, {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Failure', 'message': message, 'reason': reason,
                        'details': details, 'code': code})


class ApiServer:
    def __init__(self, store, version, ca, ca_key, subresources):
        self.store, self.version, self.ca, self.ca_key, self.subresources = store, version, ca, ca_key, subresources

    def listen(self, hosts, port, certificate, key):
        return serve(hosts, port, server_tls(certificate, key, self.ca), self.handle)

    def handle(self, request):
        if request.path in ('/healthz', '/livez', '/readyz'):
            return Reply(200, 'ok', 'text/plain')
        user = user_of(self, request)
        if user is None:
            return failure(401, 'Unauthorized', 'Unauthorized')
        if request.path == '/version':
            major, minor, _ = semver(self.version)
            return Reply(200, {'major': str(major), 'minor': str(minor), 'gitVersion': self.version, 'platform': 'linux/amd64'})
        match = _PATH.fullmatch(request.path.rstrip('/'))
        kind = match and self.kind_of(match)
        if not kind:
            return failure(404, 'NotFound', 'the server could not find the requested resource')
        namespace, name, sub = match['namespace'], match['name'], match['sub']
        if not may(user, request.method, kind, namespace, name):
            verb = {'GET': 'get' if name else 'list', 'POST': 'create', 'DELETE': 'delete', 'PATCH': 'patch'}.get(request.method, 'update')
            return failure(403, 'Forbidden', f'{_quoted(kind, name)} is forbidden: User "{user["name"]}" cannot {verb} resource '
                                             f'"{kind.plural}" in API group "{kind.group}"')
        try:
            if sub and sub != 'status':
                return self.subresources(self, request, kind, namespace, name, sub)
            verb = getattr(self, request.method.lower())
            return verb(request, kind, namespace, name, sub)
        except Refusal as error:
            reason = 'Forbidden' if error.code == 403 else 'Invalid'
            text = str(error) if error.code == 403 else f'{kind.kind}{"." + kind.group if kind.group else ""} "{name or _name_in(request)}" is invalid: {error}'
            return failure(403 if error.code == 403 else 422, reason, text, name=name, kind=kind.plural)

    def kind_of(self, match):
        version = match['core'] or match['group']
        known = kinds.KINDS + kinds.custom_kinds(self.store.list('customresourcedefinitions'))
        return next((kind for kind in known if kind.version == version and kind.plural == match['plural']), None)

    def found(self, kind, namespace, name):
        item = self.store.get(kind.plural, namespace if kind.namespaced else '', name)
        if not item:
            raise not_found(kind, name)
        return item

    def get(self, request, kind, namespace, name, _sub):
        if name:
            return Reply(200, self.found(kind, namespace, name))
        chosen = self._chooser(request, namespace)
        if request.query.get('watch') in ('true', '1'):
            return self._watch(kind, int(request.query.get('resourceVersion') or 0), chosen)
        version = self.store.version
        items = [item for item in self.store.list(kind.plural, namespace) if chosen(item)]
        return Reply(200, {'kind': f'{kind.kind}List', 'apiVersion': kind.version, 'metadata': {'resourceVersion': str(version)}, 'items': items})

    @staticmethod
    def _chooser(request, namespace):
        labels, fields = request.query.get('labelSelector'), request.query.get('fieldSelector')
        return lambda item: ((not namespace or item['metadata'].get('namespace') == namespace)
                             and labels_match(item['metadata'].get('labels') or {}, labels) and fields_match(item, fields))

    def _watch(self, kind, version, chosen):
        end = time.monotonic() + _WATCH_SECONDS
        while time.monotonic() < end:
            for version, _, change, item in self.store.since(version, kind.plural, 10):
                if chosen(item):
                    yield {'type': change, 'object': item}
            # An empty line now and then shows the server whether the client is still there.
            yield {'type': 'BOOKMARK', 'object': {'metadata': {'resourceVersion': str(version)}}}

    def post(self, request, kind, namespace, _name, _sub):
        item = self._body(request, kind, namespace)
        meta = item['metadata']
        if meta.get('generateName') and not meta.get('name'):
            meta['name'] = meta['generateName'] + format(time.monotonic_ns() % 36**5, 'x')[-5:]
        home = self.store.get('namespaces', '', meta['namespace']) if kind.namespaced else {'metadata': {}}
        if not home:
            raise failure(404, 'NotFound', f'namespaces "{meta["namespace"]}" not found', name=meta['namespace'], kind='namespaces')
        if home['metadata'].get('deletionTimestamp'):
            raise failure(403, 'Forbidden', f'{_quoted(kind, meta["name"])} is forbidden: unable to create new content in namespace {meta["namespace"]} '
                                            'because it is being terminated')
        if self.store.get(kind.plural, meta.get('namespace'), meta.get('name', '')):
            return failure(409, 'AlreadyExists', f'{_quoted(kind, meta["name"])} already exists', name=meta['name'], kind=kind.plural)
        item = self.store.put(kind.plural, admit(self.store, kind, item))
        if kind.kind == 'Namespace':
            self.store.put('serviceaccounts', {'apiVersion': 'v1', 'kind': 'ServiceAccount', 'metadata': {'name': 'default', 'namespace': meta['name']}})
        return Reply(201, item)

    def put(self, request, kind, namespace, name, sub):
        with self.store.changed:
            old, item = self.found(kind, namespace, name), self._body(request, kind, namespace)
            wanted = item['metadata'].get('resourceVersion')
            if wanted and wanted != old['metadata']['resourceVersion']:
                return failure(409, 'Conflict', f'Operation cannot be fulfilled on {_quoted(kind, name)}: the object has been modified; please '
                                                'apply your changes to the latest version and try again', name=name, kind=kind.plural)
            return Reply(200, self._replace(kind, old, item, sub))

    def patch(self, request, kind, namespace, name, sub):
        how = request.headers.get('content-type', '').split(';')[0]
        with self.store.changed:
            old = self.found(kind, namespace, name)
            if how == 'application/json-patch+json':
                try:
                    item = patch.json_patch(old, request.json())
                except ValueError as error:
                    return failure(422, 'Invalid', f'the server rejected our request due to an error in our request: {error}')
            elif how == 'application/strategic-merge-patch+json':
                if kind not in kinds.KINDS:
                    return failure(415, 'UnsupportedMediaType', 'the body of the request was in an unknown format - accepted media types '
                                                                'include: application/json-patch+json, application/merge-patch+json')
                item = patch.strategic(old, request.json())
            else:
                item = patch.merge(old, request.json())
            return Reply(200, self._replace(kind, old, item, sub))

    def _replace(self, kind, old, item, sub):
        if sub == 'status':
            item = {**copy.deepcopy(old), 'status': item.get('status', {})}
        elif kind.kind in ('Deployment', 'DaemonSet') and item['spec'].get('selector') != old['spec']['selector']:
            raise Refusal(f'spec.selector: Invalid value: {item["spec"].get("selector")}: field is immutable')
        return self.store.put(kind.plural, admit(self.store, kind, item))

    def delete(self, request, kind, namespace, name, _sub):
        if not name:
            for item in filter(self._chooser(request, namespace), self.store.list(kind.plural, namespace)):
                self._remove(kind, item, 30)
            return Reply(200, {'kind': 'Status', 'status': 'Success'})
        grace = request.query.get('gracePeriodSeconds')
        with self.store.changed:
            item = self.found(kind, namespace, name)
            self._remove(kind, item, 30 if grace is None else int(grace))
        return Reply(200, item)

    def _remove(self, kind, item, grace):
        meta = item['metadata']
        lingers = kind.kind == 'Namespace' or (kind.kind == 'Pod' and grace > 0 and item['spec'].get('nodeName'))
        if not lingers:
            self.store.remove(kind.plural, meta.get('namespace'), meta['name'])
        elif not meta.get('deletionTimestamp'):
            meta['deletionTimestamp'] = now_text()
            if kind.kind == 'Namespace':
                item['status'] = {'phase': 'Terminating'}
            self.store.put(kind.plural, item)

    def _body(self, request, kind, namespace):
        item = request.json()
        if not isinstance(item, dict) or item.get('kind') != kind.kind:
            raise failure(400, 'BadRequest', f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}')
        meta = item.setdefault('metadata', {})
        if kind.namespaced:
            if meta.setdefault('namespace', namespace) != namespace:
                raise failure(400, 'BadRequest', 'the namespace of the provided object does not match the namespace sent on the request')
        else:
            meta.pop('namespace', None)
        return item


def _quoted(kind, name):
    return f'{kind.plural}{"." + kind.group if kind.group else ""}' + (f' "{name}"' if name else '')


def _name_in(request):
    return (request.json() or {}).get('metadata', {}).get('name', '')


def not_found(kind, name):
    return failure(404, 'NotFound', f'{_quoted(kind, name)} not found', name=name, kind=kind.plural)


def load_certificates(folder='/etc/kubernetes/pki'):
    """(certificate, key) of the server."""
    return read(f'{folder}/apiserver.crt'), read(f'{folder}/apiserver.key')
