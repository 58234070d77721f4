"""kubectl's commands for workloads and nodes: scale, cordon, drain, rollout, run."""

import json
import time

from standin.ground import Refusal, now_text, say
from standin.kubectl_change import PATCH_TYPES, duration, until


def scale(kubectl, words, _name):
    for kind, name in kubectl.targets(words):
        kubectl.send('PATCH', kind.path(kubectl.within(kind), name), {'spec': {'replicas': int(kubectl.options['replicas'])}}, kind=PATCH_TYPES['merge'])
        say(f'{kind.prefix}/{name} scaled')


def cordon(kubectl, words, name):
    for node in words:
        path = kubectl.kind('node').path(None, node)
        held = bool(kubectl.send('GET', path).json()['spec'].get('unschedulable'))
        kubectl.send('PATCH', path, {'spec': {'unschedulable': True if name == 'cordon' else None}}, kind=PATCH_TYPES['merge'])
        say(f'node/{node} {"already " if held == (name == "cordon") else ""}{name}ed')


def drain(kubectl, words, _name):
    cordon(kubectl, words, 'cordon')
    kind = kubectl.kind('pod')
    for node in words:
        pods = kubectl.send('GET', kind.path(), query={'fieldSelector': f'spec.nodeName={node}'}).json()['items']
        daemons = [pod for pod in pods if any(one['kind'] == 'DaemonSet' for one in pod['metadata'].get('ownerReferences') or [])]
        if daemons and not kubectl.options.get('ignore-daemonsets'):
            names = ', '.join(f'{pod["metadata"]["namespace"]}/{pod["metadata"]["name"]}' for pod in daemons)
            raise Refusal(f'error: unable to drain node "{node}" due to error: cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {names}')
        for pod in pods:
            meta = pod['metadata']
            if pod in daemons or 'kubernetes.io/config.mirror' in (meta.get('annotations') or {}):
                continue
            kubectl.send('DELETE', kind.path(meta['namespace'], meta['name']))
            say(f'pod/{meta["name"]} evicted')
        say(f'node/{node} drained')


def rollout(kubectl, words, _name):
    verb, targets = words[0], kubectl.targets(words[1:])
    for kind, name in targets:
        path = kind.path(kubectl.within(kind), name)
        if verb == 'restart':
            stamp = {'kubectl.kubernetes.io/restartedAt': f'{now_text()}#{time.monotonic_ns()}'}
            kubectl.send('PATCH', path, {'spec': {'template': {'metadata': {'annotations': stamp}}}}, kind=PATCH_TYPES['strategic'])
            say(f'{kind.prefix}/{name} restarted')
        elif verb == 'status':
            shown = []

            def settled(path=path, shown=shown, kind=kind, name=name):
                message = _rollout_message(kind, name, kubectl.send('GET', path).json())
                if message and message not in shown:
                    shown.append(message)
                    say(message)
                return not message

            until(settled, duration(kubectl.options.get('timeout', '0')), 'timed out waiting for the condition')
            say(f'daemon set "{name}" successfully rolled out' if kind.kind == 'DaemonSet' else f'{kind.kind.lower()} "{name}" successfully rolled out')
        else:
            raise Refusal(f'error: [stand-in] kubectl rollout {verb} is not carried')


def _rollout_message(kind, name, item):
    status, spec = item.get('status', {}), item['spec']
    if status.get('observedGeneration', 0) < item['metadata'].get('generation', 1):
        return f'Waiting for {kind.kind.lower()} spec update to be observed...'
    wanted = status.get('desiredNumberScheduled', 0) if kind.kind == 'DaemonSet' else spec['replicas']
    updated = status.get('updatedNumberScheduled' if kind.kind == 'DaemonSet' else 'updatedReplicas', 0)
    available = status.get('numberAvailable' if kind.kind == 'DaemonSet' else 'availableReplicas', 0)
    if updated < wanted:
        return f'Waiting for {kind.kind.lower()} "{name}" rollout to finish: {updated} out of {wanted} new replicas have been updated...'
    if kind.kind == 'Deployment' and status.get('replicas', 0) > updated:
        return f'Waiting for deployment "{name}" rollout to finish: {status["replicas"] - updated} old replicas are pending termination...'
    if available < wanted:
        return f'Waiting for {kind.kind.lower()} "{name}" rollout to finish: {available} of {wanted} updated replicas are available...'
    return None


def run_pod(kubectl, words, _name):
    options, name = kubectl.options, words[0]
    rest = words[words.index('--') + 1:] if '--' in words else []
    container = {'name': name, 'image': options['image'], **({'command' if options.get('command') else 'args': rest} if rest else {}),
                 **({'imagePullPolicy': options['image-pull-policy']} if 'image-pull-policy' in options else {})}
    pod = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': {'run': name}},
           'spec': {'containers': [container], 'restartPolicy': options.get('restart', 'Always')}}
    if 'overrides' in options:
        from standin.patch import merge

        pod = merge(pod, json.loads(options['overrides']))
    kind, namespace = kubectl.place(pod)
    kubectl.send('POST', kind.path(namespace), pod)
    say(f'pod/{name} created')
