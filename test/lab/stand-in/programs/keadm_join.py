"""keadm on the edge: join and reset edge, in the real one's order and with its stops."""

import os
import subprocess

from standin import edge_config, machine, node, runtime
from standin.cri import DEFAULT_ENDPOINT, RuntimeFailure
from standin.flags import LIST, SLICE, TEXT, parse
from standin.ground import Refusal, at, dump_yaml, entries, exists, klog, load_yaml, read, remove, run, say, semver, wait_for, write
from standin.keadm_log import Log

_FLAGS = {'kubeedge-version': TEXT, 'cgroupdriver': TEXT, 'certPath': TEXT, 'cloudcore-ipport': TEXT, 'edgenode-name': TEXT, 'remote-runtime-endpoint': TEXT,
          'token': TEXT, 'certport': TEXT, 'tarballpath': TEXT, 'labels': SLICE, 'image-repository': TEXT, 'hub-protocol': TEXT, 'set': LIST, 'pre-run': TEXT,
          'post-run': TEXT}
_SHORT = {'e': 'cloudcore-ipport', 'i': 'edgenode-name', 'p': 'remote-runtime-endpoint', 't': 'token', 's': 'certport', 'l': 'labels'}
_CONFIG, _BOOTSTRAP = '/etc/kubeedge/config/edgecore.yaml', '/etc/kubeedge/bootstrap-edgecore.conf'
_UNIT = '/etc/systemd/system/edgecore.service'
_UNIT_TEXT = '''[Unit]
Description=edgecore.service

[Service]
Type=simple
ExecStart=/usr/local/bin/edgecore
Restart=always
RestartSec=10
Environment=
KillMode=process

[Install]
WantedBy=multi-user.target
'''


def join(arguments, version):
    from standin.keadm import wanted_version

    flags = dict(_FLAGS)
    if semver(version)[1] <= 20:
        flags['with-mqtt'] = 'bool'
    options, _ = parse(arguments, flags, _SHORT)
    if 'cloudcore-ipport' not in options:
        raise Refusal('required flag(s) "cloudcore-ipport" not set')
    log = Log(version)
    step = log.step
    if options.get('pre-run'):
        step(f'Executing pre-run script: {options["pre-run"]}\n')
        _script(options['pre-run'])
    step('Check KubeEdge edgecore process status')
    if machine.process_named('edgecore'):
        raise Refusal('EdgeCore is already running on this node, please run reset to clean up first')
    step('Check if the management directory is clean')
    if entries('/etc/kubeedge'):
        raise Refusal('the management directory /etc/kubeedge/ is not clean, please remove it first')
    name = options.get('edgenode-name') or machine.hostname()
    if semver(version)[1] >= 20:
        step('Check if the node name is valid')
        _name_must_be_free(options, name)
    try:
        _join(options, name, wanted_version(options), version, log)
    except Refusal as error:
        raise Refusal(f'edge node join failed: {error}') from error
    if options.get('post-run'):
        say(f'Executing post-run script: {options["post-run"]}')
        try:
            _script(options['post-run'])
        except Refusal as error:
            # The edge has joined all the same.
            say(f'Execute post-run script: {options["post-run"]} failed: {error}')


def _script(path):
    """Runs beside keadm's own output."""
    code = subprocess.run(['/bin/bash', path], check=False).returncode
    if code != 0:
        raise Refusal(f'failed to execute script {path}: exit status {code}')


def _host_of(options):
    host, separator, port = options['cloudcore-ipport'].rpartition(':')
    if not separator or not host or not port:
        raise Refusal(f'get current host and port failed: address {options["cloudcore-ipport"]}: missing port in address')
    return host


def _name_must_be_free(options, name):
    from standin.wire import Client, client_tls, explain

    host, port = _host_of(options), int(options.get('certport') or 10002)
    try:
        status = Client(host, port, client_tls(), timeout=30).request('GET', f'/node/{name}').status
    except OSError as error:
        raise Refusal(f'error making request: Get "https://{host}:{port}/node/{name}": {explain(error, host, port)}') from error
    if status != 404:
        raise Refusal('node already exists or internal error occurred, cannot register again')


def _join(options, name, wanted, version, log):
    step = log.step
    endpoint, driver = options.get('remote-runtime-endpoint') or DEFAULT_ENDPOINT, options.get('cgroupdriver', 'cgroupfs')
    step('Create the necessary directories')
    for folder in ('/etc/kubeedge/config', '/var/log/kubeedge', '/var/lib/kubeedge'):
        os.makedirs(at(folder), exist_ok=True)
    image = f'{options.get("image-repository") or "kubeedge"}/installation-package:{wanted}'
    step('Pull Images')
    try:
        if not runtime.has_image(image, endpoint):
            runtime.pull(image, endpoint)
    except RuntimeFailure as error:
        raise Refusal(f'pull Images failed: {error}') from error
    step('Copy resources from the image to the management directory')
    try:
        runtime.try_sandbox('edgecore', 'kubeedge-setup-podcopyresource.slice' if driver == 'systemd' else '', endpoint)
        runtime.take_from_image(image, '/usr/local/bin/edgecore', '/usr/local/bin/edgecore')
    except Refusal as error:
        raise Refusal(f'copy resources failed: {error}') from error
    step('Generate systemd service file')
    write(_UNIT, _UNIT_TEXT, 0o755)
    write(_BOOTSTRAP, options.get('token', ''), 0o640)
    try:
        step('Generate EdgeCore default configuration')
        log.say('The configuration does not exist or the parsing fails, and the default configuration is generated')
        try:
            write(_CONFIG, dump_yaml(edge_config.shown(_configuration(options, name, driver, endpoint, version))))
        except Refusal as error:
            raise Refusal(f'create edge config file failed: {error}') from error
        step('Run EdgeCore daemon')
        command = 'sudo systemctl daemon-reload && sudo systemctl enable edgecore && sudo systemctl start edgecore'
        code, out, err = run(['bash', '-c', command])
        if code != 0:
            quotes = "''" if semver(version)[1] <= 20 else '[]'
            raise Refusal(f'start edgecore failed: failed to exec {quotes[0]}bash -c {command}{quotes[1]}, err: {err or out}')
        log.say(out.removesuffix('\n'))
        log.say('KubeEdge edgecore is running, For logs visit: journalctl -u edgecore.service -xe')
        files = ('/etc/kubeedge/ca/rootCA.crt', '/etc/kubeedge/certs/server.crt', '/etc/kubeedge/certs/server.key')
        if not wait_for(lambda: all(map(exists, files)), 300, 1):
            raise Refusal('timed out waiting for the condition')
        step('Install Complete!')
    finally:
        remove(_BOOTSTRAP)


def _configuration(options, name, driver, endpoint, version):
    host = _host_of(options)
    config = edge_config.defaults(machine.hostname(), node.local_address(machine.hostname()) or '', version)
    modules = config['modules']
    edged, hub = modules['edged'], modules['edgeHub']
    edged['hostnameOverride'] = name
    if driver not in ('systemd', 'cgroupfs'):
        raise Refusal(f'unsupported CGroupDriver: {driver}')
    edged['tailoredKubeletConfig'].update(cgroupDriver=driver, containerRuntimeEndpoint=endpoint, imageServiceEndpoint=endpoint)
    hub['token'] = options.get('token', '')
    hub['httpServer'] = f'https://{host}:{options.get("certport") or 10002}'
    protocol = options.get('hub-protocol', 'websocket')
    if protocol not in ('websocket', 'quic'):
        raise Refusal(f'unsupported hub of protocol: {protocol}')
    hub['quic'].update(enable=protocol == 'quic', server=options['cloudcore-ipport'] if protocol == 'quic' else f'{host}:10001')
    hub['websocket'].update(enable=protocol != 'quic', server=f'{host}:10000' if protocol == 'quic' else options['cloudcore-ipport'])
    modules['edgeStream']['server'] = f'{host}:10004'
    if options.get('labels'):
        edged['nodeLabels'] = {key: value for key, _, value in (label.partition('=') for label in options['labels']) if key}
    sets = options.get('set', [])
    # Up to 1.19 the flag held one text, so that the last one won.
    for one in sets[-1:] if semver(version)[1] <= 19 else sets:
        edge_config.apply_set(config, one)
    if hub['websocket']['enable'] == hub['quic']['enable']:
        raise Refusal('enable: Invalid value: false: websocket.enable and quic.enable cannot be true and false at the same time')
    if modules['eventBus']['mqttMode'] not in (0, 1, 2):
        raise Refusal(f'Mode: Invalid value: {modules["eventBus"]["mqttMode"]}: Mode need in [0,2] range')
    return config


def reset_edge(options, version):
    from standin.keadm import clean_folders, confirm_reset

    log = Log(version)
    step = log.step
    if options.get('pre-run'):
        step(f'executing pre-run script: {options["pre-run"]}')
        _script(options['pre-run'])
    confirm_reset(options)
    step('clean up static pods')
    text = read(_CONFIG)
    if text is None:
        log.say(f'failed to parse edgecore configuration, skip cleaning up static pods, err: open {_CONFIG}: no such file or directory', 'W')
    else:
        folder = load_yaml(text)[0]['modules']['edged']['tailoredKubeletConfig'].get('staticPodPath', '/etc/kubeedge/manifests')
        for name in entries(folder):
            remove(f'{folder}/{name}')
    step('kill edgecore and remove edgecore service')
    if exists(_UNIT):
        for verb in ('stop', 'disable'):
            run(['systemctl', verb, 'edgecore'])
        remove(_UNIT)
    step('clean up containers managed by KubeEdge')
    step('clean up dirs created by KubeEdge')
    clean_folders(('/var/lib/kubelet',))
    if options.get('post-run'):
        step(f'executing post-run script: {options["post-run"]}')
        try:
            _script(options['post-run'])
        except Refusal as error:
            klog(f'execute post-run script: {options["post-run"]} failed, err: {error}', 'W')
    log.say('reset edge node successfully!')
