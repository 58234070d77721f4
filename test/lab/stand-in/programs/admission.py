"""What the API server refuses or fills in before it stores an object."""

import base64
import re

from standin.ground import Refusal
from standin.selection import check_tolerations, labels_match, selector_text

_NAME = re.compile(r'[a-z0-9]([-a-z0-9.]*[a-z0-9])?')


def admit(store, kind, item):
    """The object with its defaults; raises Refusal with the text of an Invalid answer."""
    meta = item['metadata']
    if not _NAME.fullmatch(meta.get('name', '')) and not kind.group.startswith('rbac'):
        raise Refusal(f'metadata.name: Invalid value: "{meta.get("name", "")}": a lowercase RFC 1123 subdomain must consist of lower '
                      'case alphanumeric characters, \'-\' or \'.\', and must start and end with an alphanumeric character')
    _all_text(meta.get('labels'), 'metadata.labels')
    _all_text(meta.get('annotations'), 'metadata.annotations')
    if kind.kind == 'Secret':
        for key, value in (item.pop('stringData', None) or {}).items():
            item.setdefault('data', {})[key] = base64.b64encode(value.encode()).decode()
        item.setdefault('type', 'Opaque')
        for key, value in (item.get('data') or {}).items():
            try:
                base64.b64decode(value, validate=True)
            except ValueError as error:
                raise Refusal(f'data[{key}]: Invalid value: illegal base64 data') from error
    elif kind.kind == 'ConfigMap':
        _all_text(item.get('data'), 'data')
    elif kind.kind == 'Pod':
        _pod(store, meta['namespace'], item)
    elif kind.kind in ('Deployment', 'DaemonSet'):
        _workload(kind, item)
    elif kind.kind == 'Namespace':
        item.setdefault('status', {}).setdefault('phase', 'Active')
        meta.setdefault('labels', {})['kubernetes.io/metadata.name'] = meta['name']
    elif kind.kind == 'Node':
        _all_text(item.get('spec', {}).get('podCIDR') and {'podCIDR': item['spec']['podCIDR']}, 'spec')
    return item


def _all_text(values, where):
    for key, value in (values or {}).items():
        if not isinstance(value, str):
            raise Refusal(f'{where}.{key}: json: cannot unmarshal {type(value).__name__} into Go value of type string')


def _pod_spec(spec, where):
    if not spec.get('containers'):
        raise Refusal(f'{where}.containers: Required value')
    _all_text(spec.get('nodeSelector'), f'{where}.nodeSelector')
    check_tolerations(spec.get('tolerations'), where)
    for index, container in enumerate([*spec['containers'], *(spec.get('initContainers') or [])]):
        for field in ('name', 'image'):
            if not container.get(field):
                raise Refusal(f'{where}.containers[{index}].{field}: Required value')
        for key in ('command', 'args'):
            if not isinstance(container.get(key, []), list):
                raise Refusal(f'{where}.containers[{index}].{key}: json: cannot unmarshal into Go value of type []string')
        latest = ':' not in container['image'].rsplit('/', 1)[-1] or container['image'].endswith(':latest')
        container.setdefault('imagePullPolicy', 'Always' if latest else 'IfNotPresent')
    spec.setdefault('restartPolicy', 'Always')
    spec.setdefault('terminationGracePeriodSeconds', 30)


def _pod(store, namespace, item):
    spec = item.setdefault('spec', {})
    _pod_spec(spec, 'spec')
    if item['metadata'].get('annotations', {}).get('kubernetes.io/config.mirror'):
        spec.setdefault('tolerations', [{'operator': 'Exists', 'effect': 'NoExecute'}])
        return
    account = spec.pop('serviceAccount', None) or spec.get('serviceAccountName') or 'default'
    spec['serviceAccountName'] = account
    if account != 'default' and not store.get('serviceaccounts', namespace, account):
        raise Refusal(f'pods "{item["metadata"]["name"]}" is forbidden: error looking up service account {namespace}/{account}: '
                      f'serviceaccount "{account}" not found', 403)
    tolerations = spec.setdefault('tolerations', [])
    for key in ('node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'):
        if not any(one.get('key') in (key, None) and one.get('effect') in ('NoExecute', None) for one in tolerations):
            tolerations.append({'key': key, 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': 300})
    item.setdefault('status', {}).setdefault('phase', 'Pending')


def _workload(kind, item):
    spec = item.setdefault('spec', {})
    template = spec.get('template') or {}
    labels, selector = template.get('metadata', {}).get('labels') or {}, spec.get('selector')
    if not selector:
        raise Refusal('spec.selector: Required value')
    if not labels_match(labels, selector_text(selector)):
        raise Refusal(f'spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`')
    _pod_spec(template.setdefault('spec', {}), 'spec.template.spec')
    if kind.kind == 'Deployment':
        spec.setdefault('replicas', 1)
        strategy = spec.setdefault('strategy', {})
        if strategy.setdefault('type', 'RollingUpdate') == 'Recreate' and strategy.get('rollingUpdate'):
            raise Refusal("spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'")
        if strategy['type'] not in ('Recreate', 'RollingUpdate'):
            raise Refusal(f'spec.strategy.type: Unsupported value: "{strategy["type"]}": supported values: "Recreate", "RollingUpdate"')
    else:
        spec.setdefault('updateStrategy', {}).setdefault('type', 'RollingUpdate')
