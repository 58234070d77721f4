"""kubectl, as far as the lab's tasks and a curious person use it."""

import json
import sys

from standin import kinds
from standin.api import Api, ApiError, Unreachable, from_kubeconfig
from standin.flags import BOOL, LIST, SLICE, TEXT, parse
from standin.ground import Refusal, load_yaml, read, say, semver
from standin.kubectl_print import output

_GLOBAL = {'kubeconfig': TEXT, 'namespace': TEXT, 'request-timeout': TEXT, 'server': TEXT, 'v': TEXT, 'context': TEXT}
_SHORT = {'n': 'namespace', 's': 'server', 'v': 'v', 'o': 'output', 'A': 'all-namespaces', 'l': 'selector', 'f': 'filename', 'p': 'patch',
          'c': 'container', 'w': 'watch', 'L': 'label-columns', 'R': 'recursive', 'i': 'stdin', 't': 'tty'}
_COMMON = {'output': TEXT, 'all-namespaces': BOOL, 'selector': TEXT, 'field-selector': TEXT, 'filename': LIST, 'ignore-not-found': BOOL}


class Kubectl:
    def __init__(self, options):
        import os

        path = options.get('kubeconfig') or os.environ.get('KUBECONFIG') or os.path.expanduser('~/.kube/config')
        timeout = float(options.get('request-timeout', '30').rstrip('s') or 30) or 30
        if options.get('kubeconfig') and read(path) is None:
            raise Refusal(f'error: stat {path}: no such file or directory')
        # Without any configuration kubectl tries port 8080 of this machine.
        self.api = from_kubeconfig(path, timeout) if read(path) is not None else Api('localhost:8080')
        self.options, self.namespace, self._kinds = options, options.get('namespace', 'default'), None

    def send(self, method, path, body=None, query=None, kind='application/json'):
        return self.api.send(method, path, body, query, kind)

    def kinds(self):
        if self._kinds is None:
            definitions = self.api.list('apiextensions.k8s.io/v1', 'CustomResourceDefinition')
            self._kinds = kinds.KINDS + kinds.custom_kinds(definitions)
        return self._kinds

    def kind(self, name):
        found = kinds.by_name(kinds.KINDS, name) or kinds.by_name(self.kinds(), name)
        if not found:
            raise Refusal(f'error: the server doesn\'t have a resource type "{name}"')
        return found

    def within(self, kind):
        return None if not kind.namespaced or self.options.get('all-namespaces') else self.namespace

    def targets(self, words):
        """[(kind, name or None)] of `kind name…`, `kind/name…`, `kind,kind`."""
        if not words:
            raise Refusal('error: You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of supported resources.')
        if any('/' in word for word in words):
            bad = next((word for word in words if '/' not in word), None)
            if bad:
                raise Refusal('error: there is no need to specify a resource type as a separate argument when passing arguments in resource/name form')
            return [(self.kind(kind), name) for kind, _, name in (word.partition('/') for word in words)]
        found = [self.kind(name) for name in words[0].split(',')]
        if len(words) > 1:
            return [(kind, name) for kind in found for name in words[1:]]
        return [(kind, None) for kind in found]

    def fetch(self, words):
        """(objects, whether it is one that was asked for by its name)"""
        found, named, targets = [], False, self.targets(words)
        for kind, name in targets:
            if name is None:
                query = {key: self.options[flag] for key, flag in (('labelSelector', 'selector'), ('fieldSelector', 'field-selector')) if flag in self.options}
                listed = self.send('GET', kind.path(self.within(kind)), query=query).json()['items']
                found += [{'apiVersion': kind.version, 'kind': kind.kind, **item} for item in listed]
                continue
            named = True
            if kind.namespaced and self.options.get('all-namespaces'):
                raise Refusal('error: a resource cannot be retrieved by name across all namespaces')
            try:
                found.append(self.send('GET', kind.path(self.within(kind), name)).json())
            except ApiError as error:
                if not (error.status == 404 and self.options.get('ignore-not-found')):
                    raise
        return found, named and len(targets) == 1

    def documents(self):
        """The objects of -f; lists are taken apart."""
        found = []
        for path in self.options.get('filename', []):
            text = sys.stdin.read() if path == '-' else read(path)
            if text is None:
                raise Refusal(f'error: the path "{path}" does not exist')
            for document in load_yaml(text):
                found += document['items'] if document.get('kind') == 'List' else [document]
        if not found:
            raise Refusal('error: no objects passed to apply')
        return found

    def place(self, item):
        """(kind, namespace) of an object to be written."""
        for field in ('apiVersion', 'kind'):
            if not item.get(field):
                raise Refusal(f'error: error validating data: {field} not set; if you choose to ignore these errors, turn validation off with --validate=false')
        version, name = item['apiVersion'], item['kind']
        kind = kinds.by_version(kinds.KINDS, version, name) or kinds.by_version(self.kinds(), version, name)
        if not kind:
            self._kinds = None
            kind = kinds.by_version(self.kinds(), version, name)
        if not kind:
            raise Refusal(f'error: resource mapping not found for name: "{item["metadata"].get("name")}" namespace: "{item["metadata"].get("namespace", "")}" from '
                          f'"STDIN": no matches for kind "{name}" in version "{version}"\nensure CRDs are installed first')
        wanted = item['metadata'].get('namespace')
        if kind.namespaced and wanted and 'namespace' in self.options and wanted != self.namespace:
            raise Refusal(f'error: the namespace from the provided object "{wanted}" does not match the namespace "{self.namespace}". You must pass '
                          f"'--namespace={wanted}' to perform this operation.")
        return kind, (wanted or self.namespace) if kind.namespaced else None


def main(arguments, version):
    from standin import kubectl_change as change
    from standin import kubectl_look as look
    from standin import kubectl_workload as workload

    commands = {
        'get': (get, {'raw': TEXT, 'no-headers': BOOL, 'show-labels': BOOL, 'label-columns': SLICE, 'watch': BOOL, 'sort-by': TEXT, 'chunk-size': TEXT}),
        'apply': (change.apply, {'server-side': BOOL, 'force-conflicts': BOOL, 'validate': TEXT, 'wait': BOOL, 'field-manager': TEXT}),
        'create': (change.create, {'from-literal': LIST, 'from-file': LIST, 'dry-run': TEXT, 'save-config': BOOL, 'image': TEXT, 'replicas': TEXT}),
        'delete': (change.delete, {'force': BOOL, 'grace-period': TEXT, 'wait': BOOL, 'timeout': TEXT, 'all': BOOL, 'now': BOOL}),
        'patch': (change.patch, {'patch': TEXT, 'type': TEXT, 'patch-file': TEXT, 'subresource': TEXT}),
        'label': (change.label, {'overwrite': BOOL, 'all': BOOL}), 'annotate': (change.label, {'overwrite': BOOL, 'all': BOOL}),
        'taint': (change.taint, {'overwrite': BOOL, 'all': BOOL}), 'scale': (workload.scale, {'replicas': TEXT}),
        'cordon': (workload.cordon, {}), 'uncordon': (workload.cordon, {}),
        'drain': (workload.drain, {'ignore-daemonsets': BOOL, 'delete-emptydir-data': BOOL, 'force': BOOL, 'timeout': TEXT, 'grace-period': TEXT}),
        'rollout': (workload.rollout, {'timeout': TEXT, 'watch': BOOL}), 'run': (workload.run_pod, {'image': TEXT, 'restart': TEXT, 'overrides': TEXT, 'command': BOOL,
                                                                                               'labels': TEXT, 'image-pull-policy': TEXT}),
        'wait': (look.wait, {'for': TEXT, 'timeout': TEXT, 'all': BOOL}), 'logs': (look.logs, {'container': TEXT, 'tail': TEXT, 'follow': BOOL, 'previous': BOOL}),
        'exec': (look.execute, {'container': TEXT, 'stdin': BOOL, 'tty': BOOL}), 'cluster-info': (look.cluster_info, {}),
        'config': (look.config, {'minify': BOOL, 'raw': BOOL, 'flatten': BOOL}), 'describe': (look.describe, {}), 'api-resources': (look.api_resources, {}),
    }
    if arguments and arguments[0] == 'version' or '--version' in arguments:
        return show_version(arguments, version)
    globals_first, rest = _split(arguments)
    name = rest[0] if rest else ''
    if name not in commands:
        raise Refusal(f'error: unknown command "{name}" for "kubectl"')
    act, flags = commands[name]
    try:
        options, words = parse(globals_first + rest[1:], {**_GLOBAL, **_COMMON, **flags}, {**_SHORT, **({'f': 'follow'} if name == 'logs' else {})})
    except Refusal as error:
        raise Refusal(f"error: {error}\nSee 'kubectl {name} --help' for usage.") from error
    try:
        act(Kubectl(options), words, name)
    except ApiError as error:
        reason = error.reason or 'InternalError'
        text = f'error: {error}' if reason == 'Unauthorized' else f'Error from server ({reason}): {error}' if reason != 'Invalid' else f'The {error}'
        raise Refusal('error: You must be logged in to the server (Unauthorized)' if reason == 'Unauthorized' else text) from error
    except Unreachable as error:
        raise Refusal(f'The connection to the server {error.host} was refused - did you specify the right host or port?' if error.refused
                      else f'Unable to connect to the server: {error.why}') from error


def _split(arguments):
    """(flags before the command, the command and the rest)"""
    position = 0
    while position < len(arguments) and arguments[position].startswith('-'):
        word = arguments[position]
        takes_next = '=' not in word and (word.lstrip('-') in _GLOBAL or word[1:] in ('n', 's'))
        position += 2 if takes_next else 1
    return arguments[:position], arguments[position:]


def get(kubectl, words, _name):
    if 'raw' in kubectl.options:
        return say(kubectl.send('GET', kubectl.options['raw']).text())
    if 'filename' in kubectl.options:
        words = [f'{kubectl.place(item)[0].plural}/{item["metadata"]["name"]}' for item in kubectl.documents()]
    found, named = kubectl.fetch(words)
    output(kubectl, found, named and len(found) == 1, words)
    return None


def show_version(arguments, version):
    options, _ = parse(arguments, {**_GLOBAL, 'client': BOOL, 'output': TEXT, 'version': BOOL}, _SHORT)
    major, minor, _ = semver(version)
    client = {'major': str(major), 'minor': str(minor), 'gitVersion': version, 'platform': 'linux/amd64'}
    server = None
    if not options.get('client'):
        try:
            server = Kubectl(options).send('GET', '/version').json()
        except Unreachable as error:
            sys.stderr.write(f'The connection to the server {error.host} was refused - did you specify the right host or port?\n')
    if options.get('output') == 'json':
        say(json.dumps({'clientVersion': client, **({'serverVersion': server} if server else {})}, indent=2))
    else:
        say(f'Client Version: {version}' + (f'\nServer Version: {server["gitVersion"]}' if server else ''))
    if server is None and not options.get('client'):
        raise Refusal('')
