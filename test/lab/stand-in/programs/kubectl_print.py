"""What kubectl get prints: tables, JSON, YAML, names, and simple JSONPath."""

import json
import re
import time

from standin.ground import Refusal, dump_yaml, say, seconds_of


def output(kubectl, found, single, words):
    how, _, expression = kubectl.options.get('output', '').partition('=')
    whole = found[0] if single else {'apiVersion': 'v1', 'kind': 'List', 'metadata': {'resourceVersion': ''}, 'items': found}
    if not found and kubectl.options.get('ignore-not-found') and (len(words) > 1 or any('/' in word for word in words)):
        return
    if how == 'json':
        say(json.dumps(whole, indent=4))
    elif how == 'yaml':
        say(dump_yaml(whole).rstrip('\n'))
    elif how == 'name':
        for item in found:
            say(_name(item))
    elif how in ('jsonpath', 'jsonpath-as-json'):
        text = json_path(whole, expression)
        import sys

        sys.stdout.write(text)
    elif how == 'custom-columns':
        columns = [column.split(':', 1) for column in expression.split(',')]
        _table([[title for title, _ in columns]] + [[json_path(item, '{' + path + '}') or '<none>' for _, path in columns] for item in found],
               kubectl.options.get('no-headers'))
    elif how in ('', 'wide'):
        _human(kubectl, found, how == 'wide')
    else:
        raise Refusal(f'error: unable to match a printer suitable for the output format "{how}", allowed formats are: '
                      'custom-columns,custom-columns-file,go-template,json,jsonpath,name,wide,yaml')


def _name(item):
    group = item['apiVersion'].rpartition('/')[0]
    return f'{item["kind"].lower()}{"." + group if group else ""}/{item["metadata"]["name"]}'


def _human(kubectl, found, wide):
    if not found:
        import sys

        where = '' if kubectl.options.get('all-namespaces') else f' in {kubectl.namespace} namespace'
        sys.stderr.write(f'No resources found{where}.\n' if where else 'No resources found\n')
        return
    for kind in dict.fromkeys(item['kind'] for item in found):
        rows = [item for item in found if item['kind'] == kind]
        everywhere = kubectl.options.get('all-namespaces') and 'namespace' in rows[0]['metadata']
        titles, cells = _columns(kind, wide)
        extra = kubectl.options.get('label-columns', [])
        head = (['NAMESPACE'] if everywhere else []) + ['NAME', *titles, 'AGE', *[name.rsplit('/', 1)[-1].upper() for name in extra]]
        body = [([item['metadata']['namespace']] if everywhere else []) + [item['metadata']['name'], *cells(item), _age(item),
                *[(item['metadata'].get('labels') or {}).get(name, '') for name in extra]] for item in rows]
        if kubectl.options.get('show-labels'):
            head.append('LABELS')
            for row, item in zip(body, rows):
                row.append(','.join(f'{key}={value}' for key, value in (item['metadata'].get('labels') or {}).items()) or '<none>')
        _table([head, *body], kubectl.options.get('no-headers'))


def _columns(kind, wide):
    if kind == 'Node':
        return (['STATUS', 'ROLES', 'VERSION'] + (['INTERNAL-IP', 'CONTAINER-RUNTIME'] if wide else []),
                lambda item: [_node_status(item), _roles(item), item['status'].get('nodeInfo', {}).get('kubeletVersion', ''),
                              *([_internal(item), item['status']['nodeInfo']['containerRuntimeVersion']] if wide else [])])
    if kind == 'Pod':
        return (['READY', 'STATUS', 'RESTARTS'] + (['IP', 'NODE'] if wide else []),
                lambda item: [*_pod_status(item), *([item['status'].get('podIP', '<none>'), item['spec'].get('nodeName', '<none>')] if wide else [])])
    if kind == 'Deployment':
        return ['READY', 'UP-TO-DATE', 'AVAILABLE'], lambda item: [f'{item.get("status", {}).get("readyReplicas", 0)}/{item["spec"]["replicas"]}',
                                                                  *(str(item.get('status', {}).get(name, 0)) for name in ('updatedReplicas', 'availableReplicas'))]
    if kind == 'DaemonSet':
        return ['DESIRED', 'CURRENT', 'READY', 'UP-TO-DATE', 'AVAILABLE'], lambda item: [
            str(item.get('status', {}).get(name, 0)) for name in
            ('desiredNumberScheduled', 'currentNumberScheduled', 'numberReady', 'updatedNumberScheduled', 'numberAvailable')]
    if kind in ('Secret', 'ConfigMap'):
        return (['TYPE', 'DATA'] if kind == 'Secret' else ['DATA']), lambda item: ([item.get('type', '')] if kind == 'Secret' else []) + [str(len(item.get('data') or {}))]
    if kind == 'Namespace':
        return ['STATUS'], lambda item: [item['status']['phase']]
    return [], lambda _item: []


def _node_status(node):
    ready = next((one['status'] for one in node['status'].get('conditions', []) if one['type'] == 'Ready'), 'Unknown')
    return ('Ready' if ready == 'True' else 'NotReady') + (',SchedulingDisabled' if node['spec'].get('unschedulable') else '')


def _roles(node):
    prefix = 'node-role.kubernetes.io/'
    return ','.join(sorted(key.removeprefix(prefix) for key in node['metadata'].get('labels', {}) if key.startswith(prefix))) or '<none>'


def _internal(node):
    return next((one['address'] for one in node['status']['addresses'] if one['type'] == 'InternalIP'), '<none>')


def _pod_status(pod):
    status = pod.get('status', {})
    states = status.get('containerStatuses') or []
    waiting = next((one['state']['waiting']['reason'] for one in states if 'waiting' in one['state']), None)
    shown = 'Terminating' if pod['metadata'].get('deletionTimestamp') else waiting or {'Succeeded': 'Completed', 'Failed': 'Error'}.get(status.get('phase'), status.get('phase', 'Pending'))
    return f'{sum(one["ready"] for one in states)}/{len(pod["spec"]["containers"])}', shown, str(sum(one['restartCount'] for one in states))


def _age(item):
    seconds = max(0, int(time.time() - seconds_of(item['metadata']['creationTimestamp'])))
    if seconds < 120:
        return f'{seconds}s'
    return f'{seconds // 60}m' if seconds < 7200 else f'{seconds // 3600}h' if seconds < 172800 else f'{seconds // 86400}d'


def _table(rows, no_headers):
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows[1:] if no_headers else rows:
        say('   '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def json_path(item, template):
    """Texts, {.a.b}, {.a[0]}, {.a[*].b}, {.a[?(@.b=="c")].d}, {range .items[*]}…{end} and {"\\n"}."""
    ranged = re.match(r'(.*?)\{range\s+([^}]+)\}(.*?)\{end\}(.*)', template, re.S)
    if ranged:
        before, path, body, after = ranged.groups()
        return json_path(item, before) + ''.join(json_path(one, body) for one in _walk([item], path)) + json_path(item, after)
    out = ''
    for text, expression in re.findall(r'([^{]*)(?:\{([^}]*)\})?', template):
        out += text
        if expression.startswith(('"', "'")):
            out += expression[1:-1].encode().decode('unicode_escape')
        elif expression:
            out += ' '.join(value if isinstance(value, str) else json.dumps(value, separators=(',', ':')) for value in _walk([item], expression))
    return out


def _walk(values, path):
    path = path.strip().removeprefix('$').removeprefix('@')
    for name, index in re.findall(r"\.((?:\\.|[\w/-])+)|\[((?:\?\([^)]*\)|[^\]]+))\]", path):
        if name:
            key = name.replace('\\.', '.')
            values = [value[key] for value in values if isinstance(value, dict) and key in value]
        elif index == '*':
            values = [one for value in values for one in (value.values() if isinstance(value, dict) else value)]
        elif index.startswith('?('):
            left, right = re.fullmatch(r'\?\(\s*(@[^=]*?)\s*==\s*(.*?)\s*\)', index).groups()
            wanted = right.strip('\'"')
            values = [one for value in values for one in value if str(next(iter(_walk([one], left)), None)) == wanted]
        elif index.startswith(("'", '"')):
            values = [value[index[1:-1]] for value in values if index[1:-1] in value]
        else:
            values = [value[int(index)] for value in values if -len(value) <= int(index) < len(value)]
    return values

