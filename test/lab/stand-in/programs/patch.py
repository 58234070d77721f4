"""The three ways to patch an object: merge patch, JSON patch, and strategic merge as far as the lab's objects need it."""

import copy

# Lists of these fields merge by the key; every other list is replaced whole, nodeSelectorTerms among them.
_MERGE_KEYS = {
    'containers': 'name', 'initContainers': 'name', 'volumes': 'name', 'env': 'name', 'volumeMounts': 'mountPath',
    'imagePullSecrets': 'name', 'conditions': 'type', 'taints': 'key', 'addresses': 'type', 'hostAliases': 'ip',
    'ownerReferences': 'uid', 'secrets': 'name',
}


def merge(target, patch):
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value)
    return out


def strategic(target, patch, field=''):
    if isinstance(patch, list):
        return _strategic_list(target, patch, field)
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get('$patch') == 'replace':
        return {key: value for key, value in patch.items() if key != '$patch'}
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith('$deleteFromPrimitiveList/'):
            name = key.split('/', 1)[1]
            out[name] = [item for item in out.get(name, []) if item not in value]
        elif key.startswith('$'):
            continue
        elif value is None or (isinstance(value, dict) and value.get('$patch') == 'delete'):
            out.pop(key, None)
        else:
            out[key] = strategic(out.get(key), value, key)
    return out


def _strategic_list(target, patch, field):
    key = _MERGE_KEYS.get(field) or ('containerPort' if field == 'ports' and _has(patch, 'containerPort') else
                                     'port' if field == 'ports' else None)
    if field == 'finalizers':
        return list(target or []) + [item for item in patch if item not in (target or [])]
    if any(isinstance(item, dict) and item.get('$patch') == 'replace' for item in patch):
        return [item for item in patch if item.get('$patch') != 'replace']
    if not key or not all(isinstance(item, dict) and key in item for item in patch):
        return [strategic(None, item) for item in patch]
    out = list(target or [])
    for item in patch:
        at = next((index for index, old in enumerate(out) if old.get(key) == item[key]), None)
        if item.get('$patch') == 'delete':
            if at is not None:
                del out[at]
        elif at is None:
            out.append(strategic(None, item))
        else:
            out[at] = strategic(out[at], item)
    return out


def _has(items, key):
    return any(isinstance(item, dict) and key in item for item in items)


def json_patch(target, operations):
    """Raises ValueError with the server's words where an operation does not apply."""
    out = copy.deepcopy(target)
    for operation in operations:
        parts = [part.replace('~1', '/').replace('~0', '~') for part in operation['path'].split('/')[1:]]
        holder = out
        try:
            for part in parts[:-1]:
                holder = holder[int(part)] if isinstance(holder, list) else holder[part]
            _apply(holder, parts[-1], operation)
        except (KeyError, IndexError, TypeError) as error:
            verb = operation['op']
            raise ValueError(f'{verb} operation does not apply: doc is missing path: {operation["path"]}') from error
    return out


def _apply(holder, last, operation):
    verb = operation['op']
    if isinstance(holder, list):
        if verb == 'add':
            holder.insert(len(holder) if last == '-' else int(last), operation['value'])
        elif verb == 'remove':
            del holder[int(last)]
        else:
            holder[int(last)] = operation['value']
        return
    if verb in ('remove', 'replace', 'test'):
        current = holder[last]
    if verb == 'remove':
        del holder[last]
    elif verb == 'test':
        if current != operation['value']:
            raise ValueError(f'testing value {operation["path"]} failed: test failed')
    else:
        holder[last] = operation['value']
