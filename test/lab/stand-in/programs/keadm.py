"""keadm on the cloud side: version, config images, init, gettoken, reset."""

import json
import re
import sys
import time

from standin import chart, machine
from standin.api import ApiError, from_kubeconfig
from standin.flags import BOOL, LIST, TEXT, parse
from standin.ground import Refusal, klog, remove, say, wait_for

_KUBECONFIG = '/root/.kube/config'
_RELEASE = 'sh.helm.release.v1.cloudcore.v1'
_VERSION = re.compile(r'^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-\w.+]*)?$')


def main(arguments, version):
    from standin import keadm_join

    commands = {'version': show_version, 'init': init, 'gettoken': get_token, 'join': keadm_join.join, 'reset': reset, 'config': config, 'manifest': manifest}
    if not arguments or arguments[0] not in commands:
        raise Refusal(f'unknown command "{(arguments or [""])[0]}" for "keadm"\nRun \'keadm --help\' for usage.')
    try:
        commands[arguments[0]](arguments[1:], version)
    except Refusal as error:
        if arguments[0] not in ('join', 'reset'):
            raise Refusal(f'{error}\nUsage:\n  keadm {arguments[0]} [flags]', error.code) from error
        raise


def show_version(arguments, version):
    options, _ = parse(arguments, {'output': TEXT}, {'o': 'output'})
    major, minor, _ = version.lstrip('v').split('.', 2)
    facts = {'major': major, 'minor': minor, 'gitVersion': version, 'gitCommit': 'stand-in', 'platform': 'linux/amd64'}
    output = options.get('output', '')
    if output == 'short':
        say(version)
    elif output == 'json':
        say(json.dumps(facts, indent=2))
    elif output == 'yaml':
        say('\n'.join(f'{key}: "{value}"' for key, value in facts.items()))
    elif output == '':
        say('version: version.Info{' + ', '.join(f'{key[0].upper()}{key[1:]}:"{value}"' for key, value in facts.items()) + '}')
    else:
        raise Refusal(f'invalid output format: {output}')


def wanted_version(options):
    given = options.get('kubeedge-version', '')
    if _VERSION.match(given):
        return 'v' + given.lstrip('v')
    # The real one asks kubeedge.io, five times, without any time-out: in a closed network it hangs for minutes.
    raise Refusal('[stand-in] without a full --kubeedge-version keadm would hang asking https://kubeedge.io/latestversion: dial tcp: i/o timeout')


def image_names(version, repository='kubeedge', part=''):
    cloud = [f'{repository}/{name}:{version}' for name in ('admission', 'cloudcore', 'controller-manager', 'iptables-manager')]
    edge = [f'{repository}/installation-package:{version}']
    return {'cloud': cloud, 'edge': edge}.get(part.lower(), cloud + edge)


def config(arguments, _version):
    options, words = parse(arguments, {'kubeedge-version': TEXT, 'image-repository': TEXT, 'part': TEXT, 'remote-runtime-endpoint': TEXT})
    if words not in (['images', 'list'], ['images', 'pull']):
        raise Refusal(f'unknown command "{" ".join(words)}" for "keadm config"')
    from standin import runtime

    for name in image_names(wanted_version(options), options.get('image-repository', 'kubeedge'), options.get('part', '')):
        if words[1] == 'list':
            say(name)
        elif not runtime.has_image(name):
            runtime.pull(name)


_INIT = {'kubeedge-version': TEXT, 'advertise-address': TEXT, 'kube-config': TEXT, 'manifests': TEXT, 'files': TEXT, 'dry-run': BOOL, 'external-helm-root': TEXT,
         'image-repository': TEXT, 'set': LIST, 'profile': TEXT, 'force': BOOL}


def manifest(arguments, version):
    from standin.ground import dump_yaml

    options, _ = parse(arguments, {**_INIT, 'skip-crds': BOOL}, {'f': 'files', 'd': 'dry-run'})
    for item in chart.render(_values(options, wanted_version(options), version)):
        say('---\n' + dump_yaml(item).rstrip())


def _values(options, wanted, own_version):
    values, sets = chart.default_values(own_version), list(options.get('set', []))
    given = {one.split('=', 1)[0] for one in sets}
    for name in ('cloudCore', 'iptablesManager', 'controllerManager'):
        # admission keeps the chart's own tag: the real one forgets it too.
        if f'{name}.image.tag' not in given:
            sets.append(f'{name}.image.tag={wanted}')
    repository = options.get('image-repository', '').rstrip('/')
    if repository:
        sets += [f'cloudCore.image.repository={repository}/cloudcore', f'iptablesManager.image.repository={repository}/iptables-manager']
    for index, address in enumerate(filter(None, options.get('advertise-address', '').split(','))):
        sets.append(f'cloudCore.modules.cloudHub.advertiseAddress[{index}]={address}')
    for one in sets:
        if '=' not in one:
            say(f'Unsupported sets flag:  {one}')
            continue
        chart.set_value(values, one)
    return values


def init(arguments, version):
    options, _ = parse(arguments, _INIT, {'f': 'files', 'd': 'dry-run'})
    wanted, force = wanted_version(options), options.get('force')
    if not force and machine.process_named('cloudcore'):
        raise Refusal('the cloudcore is already running on this node, please run reset to clean up first')
    path = options.get('kube-config', _KUBECONFIG)
    try:
        api = from_kubeconfig(path)
        api.send('GET', '/version')
    except Refusal as error:
        raise Refusal('failed to verify k8s component installed, err: failed to build config, err: ' + str(error) if 'no such file' in str(error) else
                      'failed to verify k8s component installed, err: failed to get the version of K8s master, please check whether K8s was successfully '
                      f'installed, err: {error}') from error
    say(f'Kubernetes version verification passed, KubeEdge {wanted} installation will start...')
    values = _values(options, wanted, version)
    if api.get('v1', 'Secret', 'kubeedge', _RELEASE):
        raise Refusal('the cloudcore release already exists, and you can upgrade the cloudcore using the `keadm upgrade`')
    objects = chart.render(values)
    if not options.get('dry-run'):
        _install(api, objects, force)
    say(f'CLOUDCORE started\n=========CHART DETAILS=======\nName: cloudcore\nLAST DEPLOYED: {time.strftime("%c")}\nNAMESPACE: kubeedge\n'
        f'STATUS: {"pending-install" if options.get("dry-run") else "deployed"}\nREVISION: 1')


def _install(api, objects, force):
    trouble = 'failed to install release cloudcore, err: '
    if not api.get('v1', 'Namespace', None, 'kubeedge'):
        api.create({'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': 'kubeedge', 'labels': {'name': 'kubeedge'}}})
    _record(api, 'pending-install')
    for item in objects:
        try:
            if item['kind'] in ('CustomResourceDefinition', 'ClusterRole'):
                del item['metadata']['namespace']
                api.apply(item)
            else:
                api.create(item)
        except ApiError as error:
            _record(api, 'failed')
            text = 'rendered manifests contain a resource that already exists. Unable to continue with install: ' if error.reason == 'AlreadyExists' else ''
            raise Refusal(f'{trouble}{text}{error}') from error
    if not force and not wait_for(lambda: _all_ready(api), 60, 1):
        _record(api, 'failed')
        raise Refusal(f'{trouble}timed out waiting for the condition')
    _record(api, 'deployed')


def _record(api, status):
    """Helm's memory of the release."""
    api.apply({'apiVersion': 'v1', 'kind': 'Secret', 'type': 'helm.sh/release.v1', 'metadata': {
        'name': _RELEASE, 'namespace': 'kubeedge', 'labels': {'owner': 'helm', 'name': 'cloudcore', 'status': status, 'version': '1'}}, 'data': {}})


def _all_ready(api):
    deployments = api.list('apps/v1', 'Deployment', 'kubeedge')
    daemons = api.list('apps/v1', 'DaemonSet', 'kubeedge')
    return all(one.get('status', {}).get('readyReplicas', 0) >= one['spec']['replicas'] for one in deployments) and \
        all('status' in one and one['status']['numberReady'] >= one['status']['desiredNumberScheduled'] for one in daemons)


def get_token(arguments, _version):
    import base64

    options, _ = parse(arguments, {'kube-config': TEXT})
    try:
        api = from_kubeconfig(options.get('kube-config', _KUBECONFIG))
        secret = api.send('GET', '/api/v1/namespaces/kubeedge/secrets/tokensecret').json()
    except Refusal as error:
        say(f'failed to get token, err is {error}')
        raise
    say(base64.b64decode(secret['data']['tokendata']).decode())


def reset(arguments, version):
    flags = {'force': BOOL, 'kube-config': TEXT, 'remote-runtime-endpoint': TEXT, 'pre-run': TEXT, 'post-run': TEXT}
    options, words = parse(arguments, flags)
    if words not in (['cloud'], ['edge']):
        raise Refusal('[stand-in] plain `keadm reset` tears down the cloud from an edge that holds a kubeconfig: say `keadm reset edge` or `keadm reset cloud`')
    if words == ['cloud']:
        return _reset_cloud(options)
    from standin.keadm_join import reset_edge

    return reset_edge(options, version)


def confirm_reset(options):
    if options.get('force'):
        return
    say("[reset] WARNING: Changes made to this host by 'keadm init' or 'keadm join' will be reverted.")
    sys.stdout.write('[reset] Are you sure you want to proceed? [y/N]: ')
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() != 'y':
        raise Refusal('aborted reset operation')


def _reset_cloud(options):
    try:
        api = from_kubeconfig(options.get('kube-config', _KUBECONFIG))
        pods = api.list('v1', 'Pod', 'kubeedge')
    except Refusal as error:
        klog(f'failed to check cloudcore is running: {error}', 'W')
        pods = []
    # Nothing but pods counts: a release whose deployment is gone stays, and the next init refuses it.
    if not pods:
        return say('None of CloudCore components are running in this host, exit')
    confirm_reset(options)
    api.delete('v1', 'Namespace', None, 'kubeedge')
    clean_folders(())
    return None


def clean_folders(more):
    """Stops at the first folder that is not there: the real one does, up to 1.23.1."""
    from standin.ground import exists

    for folder in ('/etc/kubeedge', '/var/log/kubeedge', '/var/lib/kubeedge', '/var/lib/edged', *more):
        if not exists(folder):
            return
        remove(folder)

