"""Which node a pod may go to: labels, required affinity, taints and tolerations; and label and field selectors."""

from standin.ground import Refusal


def labels_match(labels, selector):
    """A selector as kubectl writes it: a=b,c!=d,e,!f, x in (a,b)."""
    import re

    for term in re.findall(r'[^,(]+(?:\([^)]*\))?', selector or ''):
        term = term.strip()
        inside = re.fullmatch(r'(\S+)\s+(in|notin)\s+\(([^)]*)\)', term)
        if inside:
            key, operator, values = inside.groups()
            holds = (labels.get(key) in [value.strip() for value in values.split(',')]) == (operator == 'in')
        elif '!=' in term:
            key, _, value = term.partition('!=')
            holds = labels.get(key.strip()) != value.strip()
        elif '=' in term:
            key, _, value = term.replace('==', '=').partition('=')
            holds = labels.get(key.strip()) == value.strip()
        else:
            holds = (term.lstrip('!') in labels) != term.startswith('!')
        if not holds:
            return False
    return True


def fields_match(item, selector):
    for term in filter(None, (selector or '').split(',')):
        negated = '!=' in term
        path, _, wanted = term.replace('!=', '=').replace('==', '=').partition('=')
        value = item
        for part in path.split('.'):
            value = (value or {}).get(part)
        if ((value or '') == wanted) == negated:
            return False
    return True


def selector_text(selector):
    """matchLabels and matchExpressions as one selector text."""
    terms = [f'{key}={value}' for key, value in (selector.get('matchLabels') or {}).items()]
    for expression in selector.get('matchExpressions') or []:
        key, operator, values = expression['key'], expression['operator'], ','.join(expression.get('values') or [])
        terms.append({'In': f'{key} in ({values})', 'NotIn': f'{key} notin ({values})', 'Exists': key, 'DoesNotExist': f'!{key}'}[operator])
    return ','.join(terms)


def _expression_holds(labels, expression):
    key, operator, values = expression['key'], expression['operator'], expression.get('values') or []
    value = labels.get(key)
    if operator == 'In':
        return value in values
    if operator == 'NotIn':
        return value not in values
    if operator == 'Exists':
        return value is not None
    if operator == 'DoesNotExist':
        return value is None
    if operator in ('Gt', 'Lt') and value is not None:
        return int(value) > int(values[0]) if operator == 'Gt' else int(value) < int(values[0])
    return False


def fits(pod_spec, node):
    """nodeSelector and required node affinity: terms are ORed, expressions inside a term are ANDed."""
    labels = node['metadata'].get('labels', {})
    if any(labels.get(key) != value for key, value in (pod_spec.get('nodeSelector') or {}).items()):
        return False
    affinity = ((pod_spec.get('affinity') or {}).get('nodeAffinity') or {}).get('requiredDuringSchedulingIgnoredDuringExecution')
    if not affinity:
        return True
    names = {'metadata.name': node['metadata']['name']}
    for term in affinity['nodeSelectorTerms']:
        expressions, by_field = term.get('matchExpressions') or [], term.get('matchFields') or []
        if (expressions or by_field) and all(_expression_holds(labels, one) for one in expressions) and \
                all(_expression_holds(names, one) for one in by_field):
            return True
    return False


def untolerated(pod_spec, node, effects=('NoSchedule', 'NoExecute')):
    """The first taint that keeps the pod away, or None."""
    for taint in node.get('spec', {}).get('taints') or []:
        if taint['effect'] in effects and not any(tolerates(one, taint) for one in pod_spec.get('tolerations') or []):
            return taint
    return None


def tolerates(toleration, taint):
    if toleration.get('effect') and toleration['effect'] != taint['effect']:
        return False
    if not toleration.get('key'):
        return toleration.get('operator') == 'Exists'
    if toleration['key'] != taint['key']:
        return False
    return toleration.get('operator') == 'Exists' or (toleration.get('value') or '') == (taint.get('value') or '')


def host_ports(pod_spec):
    return {(port.get('protocol', 'TCP'), port.get('hostPort') or port['containerPort'])
            for container in pod_spec.get('containers', []) for port in container.get('ports') or []
            if port.get('hostPort') or pod_spec.get('hostNetwork')}


def is_ready(item):
    return any(one['type'] == 'Ready' and one['status'] == 'True' for one in item.get('status', {}).get('conditions') or [])


def check_tolerations(tolerations, where):
    for index, one in enumerate(tolerations or []):
        if one.get('operator') not in (None, 'Exists', 'Equal'):
            raise Refusal(f'{where}.tolerations[{index}].operator: Unsupported value: "{one["operator"]}": supported values: "Equal", "Exists"')
        if one.get('operator') == 'Exists' and one.get('value'):
            raise Refusal(f'{where}.tolerations[{index}].operator: Invalid value: value must be empty when `operator` is \'Exists\'')
