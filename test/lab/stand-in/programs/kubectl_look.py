"""kubectl's commands that wait or look."""

import json
import sys

from standin.ground import Refusal, dump_yaml, load_yaml, read, say
from standin.kubectl_change import duration, gone, until
from standin.kubectl_print import json_path


def wait(kubectl, words, _name):
    options = kubectl.options
    wanted, seconds = options.get('for', ''), duration(options.get('timeout', '30s'))
    targets = kubectl.targets(words)
    if any(name is None for _, name in targets):
        targets = [(kind, item['metadata']['name']) for kind, _ in targets for item in kubectl.fetch([kind.plural])[0]]
        if not targets and wanted != 'delete':
            raise Refusal('error: no matching resources found')
    for kind, name in targets:
        path = kind.path(kubectl.within(kind), name)
        complaint = f'timed out waiting for the condition on {kind.plural}/{name}'
        if wanted == 'delete':
            until(lambda path=path: gone(kubectl, path), seconds, complaint)
        else:
            until(lambda path=path: _holds(kubectl.send('GET', path).json(), wanted), seconds, complaint)
        say(f'{kind.prefix}/{name} condition met')


def _holds(item, wanted):
    how, _, rest = wanted.partition('=')
    if how == 'condition':
        kind, _, value = rest.partition('=')
        return any(one['type'].lower() == kind.lower() and one['status'].lower() == (value or 'true').lower() for one in item.get('status', {}).get('conditions') or [])
    if how == 'jsonpath':
        path, _, value = rest.strip("'").rpartition('=')
        return json_path(item, path.strip("'")) == value.strip("'")
    if how == 'create':
        return True
    raise Refusal(f'error: unrecognized condition: "{wanted}"')


def logs(kubectl, words, _name):
    kind = kubectl.kind('pod')
    names = [words[0].removeprefix('pod/').removeprefix('pods/')] if words else \
        [pod['metadata']['name'] for pod in kubectl.fetch(['pods'])[0]] if 'selector' in kubectl.options else []
    if not names:
        raise Refusal("error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command")
    if '/' in names[0]:
        owner, name = kubectl.targets([names[0]])[0]
        uid = kubectl.send('GET', owner.path(kubectl.namespace, name)).json()['metadata']['uid']
        names = [pod['metadata']['name'] for pod in kubectl.send('GET', kind.path(kubectl.namespace)).json()['items']
                 if any(one['uid'] == uid for one in pod['metadata'].get('ownerReferences') or [])][:1]
    query = {'container': kubectl.options['container']} if 'container' in kubectl.options else {}
    if kubectl.options.get('tail', '-1') != '-1':
        query['tailLines'] = kubectl.options['tail']
    for name in names:
        sys.stdout.write(kubectl.send('GET', kind.path(kubectl.namespace, name) + '/log', query=query).text())


def execute(kubectl, words, _name):
    name = words[0].removeprefix('pod/')
    kubectl.send('GET', kubectl.kind('pod').path(kubectl.namespace, name))
    raise Refusal('error: [stand-in] kubectl exec is not carried: a stand-in container has no inside')


def cluster_info(kubectl, _words, _name):
    kubectl.send('GET', '/version')
    say(f'Kubernetes control plane is running at {kubectl.api.server}')


def config(kubectl, words, _name):
    import os

    text = read(kubectl.options.get('kubeconfig') or os.environ.get('KUBECONFIG') or os.path.expanduser('~/.kube/config'))
    document = (load_yaml(text) if text else [{}])[0]
    if words == ['current-context']:
        return say(document.get('current-context', ''))
    if words != ['view']:
        raise Refusal(f'error: [stand-in] kubectl config {" ".join(words)} is not carried')
    if not kubectl.options.get('raw'):
        for entry in document.get('clusters') or []:
            if 'certificate-authority-data' in entry['cluster']:
                entry['cluster']['certificate-authority-data'] = 'DATA+OMITTED'
        for entry in document.get('users') or []:
            entry['user'] = {key: 'REDACTED' if key == 'token' else 'DATA+OMITTED' for key in entry['user']}
    output = kubectl.options.get('output', 'yaml')
    if output.startswith('jsonpath='):
        sys.stdout.write(json_path(document, output.removeprefix('jsonpath=')))
        return None
    return say(json.dumps(document, indent=4) if output == 'json' else dump_yaml(document).rstrip())


def describe(kubectl, words, _name):
    for item in kubectl.fetch(words)[0]:
        say(dump_yaml(item))


def api_resources(kubectl, _words, _name):
    for kind in kubectl.kinds():
        say(f'{kind.plural:<36} {kind.version:<34} {str(kind.namespaced).lower():<6} {kind.kind}')

