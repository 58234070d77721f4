"""kubectl's commands that change something."""

import base64
import json
import os
import time

from standin.api import ApiError
from standin.ground import Refusal, load_yaml, read, say

_LAST = 'kubectl.kubernetes.io/last-applied-configuration'
PATCH_TYPES = {'strategic': 'application/strategic-merge-patch+json', 'merge': 'application/merge-patch+json', 'json': 'application/json-patch+json'}


def apply(kubectl, _words, _name):
    for item in kubectl.documents():
        kind, namespace = kubectl.place(item)
        meta = item['metadata']
        called = f'{kind.prefix}/{meta["name"]}'
        text = json.dumps({**item, 'metadata': {**meta, 'annotations': meta.get('annotations') or {}}}, sort_keys=True)
        wanted = {**item, 'metadata': {**meta, 'annotations': {**(meta.get('annotations') or {}), _LAST: text}}}
        if namespace:
            wanted['metadata']['namespace'] = namespace
        try:
            there = kubectl.send('GET', kind.path(namespace, meta['name'])).json()
        except ApiError as error:
            if error.status != 404:
                raise
            kubectl.send('POST', kind.path(namespace), wanted)
            say(f'{called} created')
            continue
        last = json.loads((there['metadata'].get('annotations') or {}).get(_LAST, '{}'))
        change = _with_removals(wanted, last)
        how = 'strategic' if kind.group in ('', 'apps', 'batch') or kind.group.endswith('.k8s.io') else 'merge'
        done = kubectl.send('PATCH', kind.path(namespace, meta['name']), change, kind=PATCH_TYPES[how]).json()
        same = done['metadata']['resourceVersion'] == there['metadata']['resourceVersion']
        say(f'{called} {"unchanged" if same else "configured"}')


def _with_removals(wanted, last):
    """What an earlier apply set and this one does not becomes null."""
    out = dict(wanted)
    for key, value in last.items():
        if key not in wanted:
            out[key] = None
        elif isinstance(value, dict) and isinstance(wanted[key], dict):
            out[key] = _with_removals(wanted[key], value)
    return out


def create(kubectl, words, _name):
    if 'filename' in kubectl.options:
        items = kubectl.documents()
    elif words[:1] in (['namespace'], ['ns']):
        items = [{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': words[1]}}]
    elif words[:1] in (['configmap'], ['cm']) or words[:2] == ['secret', 'generic']:
        pairs = dict(pair.split('=', 1) for pair in kubectl.options.get('from-literal', []))
        for entry in kubectl.options.get('from-file', []):
            key, _, path = entry.rpartition('=')
            pairs[key or os.path.basename(path)] = read(path)
        secret = words[0] == 'secret'
        data = {key: base64.b64encode(value.encode()).decode() for key, value in pairs.items()} if secret else pairs
        items = [{'apiVersion': 'v1', 'kind': 'Secret' if secret else 'ConfigMap', 'metadata': {'name': words[-1]}, 'data': data}]
    else:
        raise Refusal(f'error: [stand-in] kubectl create {" ".join(words)} is not carried')
    for item in items:
        kind, namespace = kubectl.place(item)
        if kubectl.options.get('dry-run') in ('client', 'server'):
            from standin.kubectl_print import output

            output(kubectl, [item], True, [])
            continue
        kubectl.send('POST', kind.path(namespace), item)
        say(f'{kind.prefix}/{item["metadata"]["name"]} created')


def delete(kubectl, words, _name):
    options = kubectl.options
    if 'filename' in options:
        chosen = [(*kubectl.place(item), item['metadata']['name']) for item in kubectl.documents()]
    else:
        chosen = []
        for kind, name in kubectl.targets(words):
            if name:
                chosen.append((kind, kubectl.within(kind), name))
                continue
            if not options.get('all') and 'selector' not in options:
                raise Refusal('error: resource(s) were provided, but no name was specified')
            chosen += [(kind, item['metadata'].get('namespace'), item['metadata']['name']) for item in kubectl.fetch([kind.plural])[0]]
    grace = options.get('grace-period') or ('0' if options.get('force') else None)
    for kind, namespace, name in chosen:
        path = kind.path(namespace, name)
        try:
            kubectl.send('DELETE', path, query={} if grace is None else {'gracePeriodSeconds': grace})
        except ApiError as error:
            if error.status == 404 and options.get('ignore-not-found'):
                continue
            raise
        say(f'{kind.prefix} "{name}" {"force deleted" if grace == "0" else "deleted"}')
        if options.get('wait', True) and grace != '0':
            until(lambda path=path: gone(kubectl, path), duration(options.get('timeout', '0')), f'timed out waiting for the condition on {kind.plural}/{name}')


def gone(kubectl, path):
    try:
        kubectl.send('GET', path)
        return False
    except ApiError as error:
        if error.status == 404:
            return True
        raise


def until(condition, seconds, complaint):
    end = time.monotonic() + (seconds or 1 << 30)
    while not condition():
        if time.monotonic() >= end:
            raise Refusal(f'error: {complaint}')
        time.sleep(0.5)


def duration(text):
    import re

    return sum(float(number) * {'h': 3600, 'm': 60, 's': 1, '': 1}[unit] for number, unit in re.findall(r'(-?[\d.]+)([hms]?)', text))


def patch(kubectl, words, _name):
    options = kubectl.options
    text = options.get('patch') or read(options.get('patch-file', '/none'))
    if not text:
        raise Refusal('error: must specify --patch or --patch-file containing the contents of the patch')
    try:
        change = load_yaml(text)[0]
    except Exception as error:
        raise Refusal(f'error: unable to parse "{text}": yaml: {error}') from error
    how = options.get('type', 'strategic')
    if how not in PATCH_TYPES:
        raise Refusal(f'error: --type must be one of [json merge strategic], not "{how}"')
    sub = f'/{options["subresource"]}' if 'subresource' in options else ''
    for kind, name in kubectl.targets(words):
        path = kind.path(kubectl.within(kind), name)
        before = kubectl.send('GET', path).json()
        after = kubectl.send('PATCH', path + sub, change, kind=PATCH_TYPES[how]).json()
        same = before['metadata']['resourceVersion'] == after['metadata']['resourceVersion']
        say(f'{kind.prefix}/{name} patched{" (no change)" if same else ""}')


def label(kubectl, words, name):
    field, verb = ('labels', 'labeled') if name == 'label' else ('annotations', 'annotated')
    pairs = [word for word in words if ('=' in word or word.endswith('-'))]
    change = {word.rstrip('-'): None for word in pairs if '=' not in word}
    change.update(word.split('=', 1) for word in pairs if '=' in word)
    rest = [word for word in words if word not in pairs]
    if not pairs:
        raise Refusal(f'error: at least one {name} update is required')
    if len(rest) == 1 and '/' not in rest[0]:
        rest += [item['metadata']['name'] for item in kubectl.fetch(rest)[0]] if 'selector' in kubectl.options or kubectl.options.get('all') else []
    for kind, target in kubectl.targets(rest):
        path = kind.path(kubectl.within(kind), target)
        there = kubectl.send('GET', path).json()['metadata'].get(field) or {}
        for key, value in change.items():
            if value is not None and there.get(key, value) != value and not kubectl.options.get('overwrite'):
                raise Refusal(f"error: '{key}' already has a value ({there[key]}), and --overwrite is false")
        changes = {key: value for key, value in change.items() if there.get(key) != value}
        if changes:
            kubectl.send('PATCH', path, {'metadata': {field: changes}}, kind=PATCH_TYPES['merge'])
        shown = 'unlabeled' if field == 'labels' and changes and all(value is None for value in changes.values()) else verb
        say(f'{kind.prefix}/{target} {shown if changes else f"not {verb}"}')


def taint(kubectl, words, _name):
    specs = [word for word in words if ':' in word or word.endswith('-')]
    rest = [word for word in words if word not in specs]
    if len(rest) == 1 and kubectl.options.get('all'):
        rest += [item['metadata']['name'] for item in kubectl.fetch(rest)[0]]
    for kind, name in kubectl.targets(rest):
        node = kubectl.send('GET', kind.path(None, name)).json()
        taints = node['spec'].get('taints') or []
        for spec in specs:
            key, _, effect = spec.rstrip('-').partition(':')
            key, _, value = key.partition('=')
            matching = [one for one in taints if one['key'] == key and effect in ('', one['effect'])]
            if spec.endswith('-'):
                if not matching:
                    raise Refusal(f'error: taint "{spec.rstrip("-")}" not found')
            elif matching and not kubectl.options.get('overwrite'):
                raise Refusal(f'error: node {name} already has {key} taint(s) with same effect(s) and --overwrite is false')
            taints = [one for one in taints if one not in matching]
            if not spec.endswith('-'):
                taints.append({'key': key, 'effect': effect, **({'value': value} if value else {})})
        kubectl.send('PATCH', kind.path(None, name), {'spec': {'taints': taints or None}}, kind=PATCH_TYPES['merge'])
        say(f'node/{name} {"untainted" if all(spec.endswith("-") for spec in specs) else "tainted"}')
