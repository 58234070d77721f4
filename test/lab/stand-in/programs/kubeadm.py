"""kubeadm: version, config, init, token, join and reset."""

import base64
import json
import os
import time

from standin import kubeadm_config, machine, preflight
from standin.api import Unreachable, from_kubeconfig
from standin.cri import DEFAULT_ENDPOINT
from standin.flags import BOOL, LIST, SLICE, TEXT, parse
from standin.ground import Refusal, at, exists, remove, run, say, seconds_of, semver, wait_for

_COMMON = {'v': TEXT, 'rootfs': TEXT}
_ADMIN = '/etc/kubernetes/admin.conf'
_FAILED = '''
Unfortunately, an error has occurred:
\t{error}

This error is likely caused by:
\t- The kubelet is not running
\t- The kubelet is unhealthy due to a misconfiguration of the node in some way (required cgroups disabled)

If you are on a systemd-powered system, you can try to troubleshoot the error with the following commands:
\t- 'systemctl status kubelet'
\t- 'journalctl -xeu kubelet'
'''


def main(arguments, version):
    commands = {'version': show_version, 'config': config, 'init': init, 'join': join, 'token': token, 'reset': reset}
    if not arguments or arguments[0] not in commands:
        raise Refusal(f'unknown command "{(arguments or [""])[0]}" for "kubeadm"')
    try:
        commands[arguments[0]](arguments[1:], version)
    except Refusal as error:
        raise Refusal(f'{error}\nTo see the stack trace of this error execute with --v=5 or higher', error.code) from error


def show_version(arguments, version):
    options, _ = parse(arguments, {**_COMMON, 'output': TEXT}, {'o': 'output'})
    major, minor, _ = semver(version)
    facts = {'major': str(major), 'minor': str(minor), 'gitVersion': version, 'gitCommit': 'stand-in', 'platform': 'linux/amd64'}
    output = options.get('output')
    if output == 'short':
        say(version)
    elif output == 'json':
        say(json.dumps({'clientVersion': facts}, indent=2))
    elif output in (None, ''):
        say('kubeadm version: &version.Info{' + ', '.join(f'{key[0].upper()}{key[1:]}:"{value}"' for key, value in facts.items()) + '}')
    else:
        raise Refusal(f'invalid output format: {output}')


def config(arguments, version):
    options, words = parse(arguments, {**_COMMON, 'kubernetes-version': TEXT, 'config': TEXT, 'image-repository': TEXT, 'cri-socket': TEXT})
    wanted = options.get('kubernetes-version', version)
    if words == ['images', 'list'] or words == ['images', 'pull']:
        if 'config' in options:
            cluster = kubeadm_config.load(options['config'], version).get('ClusterConfiguration', {})
            wanted = cluster.get('kubernetesVersion', wanted)
        names = kubeadm_config.images('v' + wanted.lstrip('v'), options.get('image-repository', 'registry.k8s.io'))
        if words[1] == 'pull':
            preflight.images_present(preflight.Report((), '', options.get('cri-socket', DEFAULT_ENDPOINT)), names)
        for name in names:
            say(f'[config/images] Pulled {name}' if words[1] == 'pull' else name)
    elif words == ['validate']:
        kubeadm_config.load(options['config'], version)
        say('ok')
    else:
        raise Refusal(f'unknown command "{" ".join(words)}" for "kubeadm config"')


def init(arguments, version):
    from standin import kubeadm_files as files

    options, extra = parse(arguments, {**_COMMON, 'config': TEXT, 'skip-phases': SLICE, 'ignore-preflight-errors': SLICE, 'skip-token-print': BOOL,
                                       'upload-certs': BOOL, 'kubernetes-version': TEXT, 'pod-network-cidr': TEXT, 'service-cidr': TEXT,
                                       'apiserver-advertise-address': TEXT, 'apiserver-cert-extra-sans': SLICE, 'cri-socket': TEXT, 'node-name': TEXT,
                                       'image-repository': TEXT, 'token-ttl': TEXT})
    if extra:
        raise Refusal(f'unknown command "{extra[0]}" for "kubeadm init"')
    settings = files.init_settings(options, version)
    say(f'[init] Using Kubernetes version: {settings["version"]}')
    report = preflight.Report(options.get('ignore-preflight-errors', []), settings['node'], settings['endpoint'])
    skipped = set(options.get('skip-phases', []) + settings['skipPhases'])
    if 'preflight' not in skipped:
        say('[preflight] Running pre-flight checks')
        preflight.before_init(report, settings['version'], version, settings['port'])
        say('[preflight] Pulling images required for setting up a Kubernetes cluster')
        preflight.images_present(report, kubeadm_config.images(settings['version'], settings['repository']))
    files.write_control_plane(settings)
    files.write_kubelet_files(settings['kubelet'], settings['flags'])
    start_kubelet()
    api = from_kubeconfig(_ADMIN)
    say('[wait-control-plane] Waiting for the kubelet to boot up the control plane as static Pods from directory "/etc/kubernetes/manifests"')
    _wait_healthy(240, lambda: _answers(api))
    files.upload(api, settings)
    if not wait_for(lambda: api.get('v1', 'Node', None, settings['node']) is not None, 60):
        raise Refusal(f'error execution phase upload-config/kubelet: Error writing Crisocket information for the control-plane node: nodes "{settings["node"]}" not found')
    files.mark_control_plane(api, settings)
    secret = files.make_token(api, None, 24 * 3600, 'The default bootstrap token generated by \'kubeadm init\'.')
    if 'addon' not in skipped:
        files.install_addons(api, settings, skipped)
    wait_for(lambda: f'jws-kubeconfig-{secret[:6]}' in (api.get('v1', 'ConfigMap', 'kube-public', 'cluster-info') or {}).get('data', {}), 10)
    shown = '<value withheld>' if options.get('skip-token-print') else secret
    say(f'\nYour Kubernetes control-plane has initialized successfully!\n\nTo start using your cluster, point KUBECONFIG to {_ADMIN}.\n\n'
        'Then you can join any number of worker nodes by running the following on each as root:\n\n' + files.join_command(api, shown))


def start_kubelet():
    say('[kubelet-start] Starting the kubelet')
    run(['systemctl', 'daemon-reload'])
    code, _, err = run(['systemctl', 'restart', 'kubelet'])
    if code != 0:
        # The real one only warns here and then waits in vain.
        say(f'[kubelet-start] WARNING: unable to start the kubelet service: [{err.strip()}]')


def _answers(api):
    try:
        return api.send('GET', '/livez').status == 200
    except Unreachable:
        return False


def kubelet_healthy():
    from standin.wire import Client

    try:
        return Client(machine.loopback(), 10248, timeout=5).request('GET', '/healthz').status == 200
    except OSError:
        return False


def _wait_healthy(seconds, condition):
    """Both the kubelet and what it is to bring up; the real text where that does not happen in time."""
    say('[kubelet-check] Waiting for a healthy kubelet at http://127.0.0.1:10248/healthz. This can take up to 4m0s')
    if not wait_for(kubelet_healthy, seconds):
        say("[kubelet-check] The HTTP call equal to 'curl -sSL http://127.0.0.1:10248/healthz' failed with error: Get \"http://127.0.0.1:10248/healthz\": "
            'dial tcp 127.0.0.1:10248: connect: connection refused.')
    elif wait_for(condition, seconds):
        return
    say(_FAILED.format(error='timed out waiting for the condition'))
    raise Refusal("error execution phase wait-control-plane: couldn't initialize a Kubernetes cluster")


def token(arguments, _version):
    from standin import kubeadm_files as files

    options, words = parse(arguments, {**_COMMON, 'kubeconfig': TEXT, 'print-join-command': BOOL, 'ttl': TEXT, 'description': TEXT, 'usages': SLICE, 'groups': LIST,
                                       'output': TEXT}, {'o': 'output'})
    api = from_kubeconfig(options.get('kubeconfig', _ADMIN))
    verb = words[0] if words else ''
    if verb == 'create':
        made = files.make_token(api, words[1] if len(words) > 1 else None, _seconds(options.get('ttl', '24h0m0s')), options.get('description', ''))
        say(files.join_command(api, made) if options.get('print-join-command') else made)
    elif verb == 'list':
        say(f'{"TOKEN":<25} {"TTL":<10} {"EXPIRES":<22} DESCRIPTION')
        for secret in api.list('v1', 'Secret', 'kube-system'):
            if secret.get('type') == 'bootstrap.kubernetes.io/token':
                data = {key: base64.b64decode(value).decode() for key, value in secret['data'].items()}
                expires = data.get('expiration', '<never>')
                left = '<forever>' if expires == '<never>' else f'{max(0, int(seconds_of(expires) - time.time()) // 3600)}h' if seconds_of(expires) > time.time() else '<invalid>'
                say(f'{data["token-id"]}.{data["token-secret"]:<18} {left:<10} {expires:<22} {data.get("description", "<none>")}')
    elif verb == 'delete' and len(words) == 2:
        api.delete('v1', 'Secret', 'kube-system', f'bootstrap-token-{words[1].split(".")[0]}')
        say(f'bootstrap token "{words[1].split(".")[0]}" deleted')
    else:
        raise Refusal(f'unknown command "{verb}" for "kubeadm token"')


def _seconds(text):
    import re

    if not re.fullmatch(r'(\d+h)?(\d+m)?(\d+s)?|0', text):
        raise Refusal(f'invalid argument "{text}" for "--ttl" flag: time: invalid duration "{text}"')
    return sum(int(number) * {'h': 3600, 'm': 60, 's': 1}[unit] for number, unit in re.findall(r'(\d+)([hms])', text))


def join(arguments, version):
    from standin.kubeadm_join import run_join

    run_join(arguments, version, _COMMON)


def reset(arguments, _version):
    options, _ = parse(arguments, {**_COMMON, 'force': BOOL, 'cri-socket': TEXT, 'cleanup-tmp-dir': BOOL, 'ignore-preflight-errors': SLICE, 'kubeconfig': TEXT,
                                   'skip-phases': SLICE, 'cert-dir': TEXT}, {'f': 'force'})
    if not options.get('force'):
        say('[reset] WARNING: Changes made to this host by \'kubeadm init\' or \'kubeadm join\' will be reverted.\n[reset] Are you sure you want to proceed? [y/N]: ')
        import sys

        if sys.stdin.readline().strip().lower() != 'y':
            raise Refusal('error execution phase preflight: aborted reset operation')
    say('[preflight] Running pre-flight checks\n[reset] Stopping the kubelet service')
    run(['systemctl', 'stop', 'kubelet'])
    say('[reset] Deleting contents of directories: [/etc/kubernetes/manifests /var/lib/kubelet /etc/kubernetes/pki /var/lib/etcd]')
    for folder in ('/etc/kubernetes/manifests', '/var/lib/kubelet', '/etc/kubernetes/pki', '/var/lib/etcd'):
        for name in os.listdir(at(folder)) if exists(folder) else []:
            remove(f'{folder}/{name}')
    for name in ('admin.conf', 'super-admin.conf', 'kubelet.conf', 'bootstrap-kubelet.conf', 'controller-manager.conf', 'scheduler.conf'):
        remove(f'/etc/kubernetes/{name}')
    say('\nThe reset process does not clean CNI configuration. To do so, you must remove /etc/cni/net.d\n\n'
        'The reset process does not reset or clean up iptables rules or IPVS tables.\nThe reset process does not clean your kubeconfig files.')
