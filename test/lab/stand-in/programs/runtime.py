"""What the stand-ins ask of the container runtime; in a test the file fake-runtime.json is the runtime."""

import json

from standin.cri import DEFAULT_ENDPOINT, RuntimeFailure, call, fields, message
from standin.ground import ROOT, Refusal, at, exists, read, run

_NO_SERVICE = 'rpc error: code = Unimplemented desc = unknown service runtime.v1.{}'


def _fake():
    """The runtime of a test's node, or None on a real one."""
    if not ROOT:
        return None
    text = read('/fake-runtime.json')
    if text is None:
        raise RuntimeFailure('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
                             'dial unix /run/containerd/containerd.sock: connect: no such file or directory"')
    fake = json.loads(text)
    if fake.get('criDisabled'):
        raise RuntimeFailure(_NO_SERVICE.format('RuntimeService'))
    return fake


def version(endpoint=DEFAULT_ENDPOINT):
    """(name, version)"""
    if _fake():
        return 'containerd', '1.6.20'
    answer = fields(call(endpoint, 'RuntimeService/Version', message((1, 'v1'))))
    return answer[2][0].decode(), answer[3][0].decode()


def status(endpoint=DEFAULT_ENDPOINT):
    """{'ready', 'network', 'networkMessage', 'cgroupDriver', 'sandboxImage', 'info'} of the running daemon, not of its file."""
    if fake := _fake():
        has_network = any(name.endswith(('.conf', '.conflist')) for name in _cni_files())
        return {'ready': True, 'network': has_network, 'info': {},
                'networkMessage': '' if has_network else 'Network plugin returns error: cni plugin not initialized',
                'cgroupDriver': fake['cgroupDriver'], 'sandboxImage': fake['sandboxImage']}
    answer = fields(call(endpoint, 'RuntimeService/Status', message((1, True))))
    conditions = {}
    for raw in fields(answer[1][0]).get(1, []):
        condition = fields(raw)
        conditions[condition[1][0].decode()] = bool(condition.get(2, [0])[0]), condition.get(4, [b''])[0].decode()
    info = {}
    for raw in answer.get(2, []):
        entry = fields(raw)
        text = entry[2][0].decode()
        info[entry[1][0].decode()] = json.loads(text) if text[:1] in '{["' and text else text
    config = info.get('config') if isinstance(info.get('config'), dict) else {}
    options = (config.get('containerd', {}).get('runtimes', {}).get('runc') or {}).get('options') or {}
    sandbox = config.get('sandboxImage') or config.get('pinnedImages', {}).get('sandbox') or config.get('sandbox_image', '')
    return {'ready': conditions.get('RuntimeReady', (False, ''))[0], 'network': conditions.get('NetworkReady', (False, ''))[0],
            'networkMessage': conditions.get('NetworkReady', (False, ''))[1],
            'cgroupDriver': _driver(endpoint, options), 'sandboxImage': sandbox, 'info': info}


def _driver(endpoint, options):
    if 'SystemdCgroup' in options:
        return 'systemd' if options['SystemdCgroup'] else 'cgroupfs'
    try:
        linux = fields(call(endpoint, 'RuntimeService/RuntimeConfig')).get(1, [b''])[0]
        return 'cgroupfs' if fields(linux).get(1, [0])[0] else 'systemd'
    except RuntimeFailure:
        return 'cgroupfs'


def _cni_files():
    from standin.ground import entries

    return entries('/etc/cni/net.d')


def normalized(name):
    """The full reference that a runtime stores: docker.io/library/x:latest for x."""
    first, _, rest = name.partition('/')
    if not rest:
        name = f'docker.io/library/{name}'
    elif '.' not in first and ':' not in first and first != 'localhost':
        name = f'docker.io/{name}'
    return name if ':' in name.rsplit('/', 1)[1] or '@' in name else f'{name}:latest'


def images(endpoint=DEFAULT_ENDPOINT):
    """[{'id', 'names', 'digests', 'size'}]"""
    if fake := _fake():
        return [{'id': 'sha256:' + '0' * 64, 'names': [name], 'digests': [], 'size': 1} for name in fake['images']]
    found = []
    for raw in fields(call(endpoint, 'ImageService/ListImages')).get(1, []):
        image = fields(raw)
        found.append({'id': image[1][0].decode(), 'names': [name.decode() for name in image.get(2, [])],
                      'digests': [digest.decode() for digest in image.get(3, [])], 'size': image.get(4, [0])[0]})
    return found


def has_image(name, endpoint=DEFAULT_ENDPOINT):
    wanted = normalized(name)
    return any(wanted in image['names'] for image in images(endpoint))


def pull(name, endpoint=DEFAULT_ENDPOINT):
    """Asks the real runtime, which without a network fails in its own words."""
    if _fake():
        raise RuntimeFailure(f'rpc error: code = Unknown desc = failed to pull and unpack image "{normalized(name)}": failed to '
                             'resolve reference: dial tcp: lookup registry: no such host')
    call(endpoint, 'ImageService/PullImage', message((1, message((1, name)))), 60)


def try_sandbox(name, cgroup_parent, endpoint=DEFAULT_ENDPOINT):
    """Runs a host-network sandbox as keadm does and removes it: needs the pause image and the right cgroup driver."""
    if fake := _fake():
        if fake['sandboxImage'] not in fake['images']:
            raise RuntimeFailure('rpc error: code = DeadlineExceeded desc = context deadline exceeded')
        if fake['cgroupDriver'] == 'systemd' and not cgroup_parent:
            raise RuntimeFailure(
                'rpc error: code = Unknown desc = failed to create containerd task: failed to create shim task: OCI runtime create '
                'failed: runc create failed: expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got '
                '"/k8s.io/0" instead: unknown')
        return
    import os

    security = message((1, message((1, 2))), (6, True))
    linux = message(*([(1, cgroup_parent)] if cgroup_parent else []), (2, security))
    config = message((1, message((1, name), (2, os.urandom(8).hex()), (3, 'kubeedge'))), (8, linux))
    try:
        sandbox = fields(call(endpoint, 'RuntimeService/RunPodSandbox', message((1, config)), 60))[1][0].decode()
    except RuntimeFailure as error:
        # The real keadm's limit of 20 s is over by far when a missing pause image has to be pulled.
        raise RuntimeFailure(f'{error}') from error
    call(endpoint, 'RuntimeService/StopPodSandbox', message((1, sandbox)), 60)
    call(endpoint, 'RuntimeService/RemovePodSandbox', message((1, sandbox)), 60)


def take_from_image(name, inside, target):
    """Copies one file out of an image, through a mount of its snapshot."""
    import os
    import shutil
    import tempfile

    if _fake():
        source = f'/fake-images/{normalized(name).replace("/", "_")}{inside}'
        if not exists(source):
            raise Refusal(f'failed to exec copy cmd, err: cp: {inside}: No such file or directory')
        os.makedirs(os.path.dirname(at(target)), exist_ok=True)
        shutil.copy(at(source), at(target))
        return
    folder = tempfile.mkdtemp(prefix='stand-in.')
    try:
        code, _, err = run(['ctr', '-n', 'k8s.io', 'images', 'mount', normalized(name), folder])
        if code != 0:
            raise Refusal(f'create container failed: {err.strip()}')
        if not os.path.exists(folder + inside):
            raise Refusal(f'failed to exec copy cmd, err: cp: {inside}: No such file or directory')
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(folder + inside, target + '.part')
        os.rename(target + '.part', target)
    finally:
        run(['ctr', '-n', 'k8s.io', 'images', 'unmount', '--rm', folder])
        os.rmdir(folder)


_programs = {}


def holds_program(name, program):
    """Whether the image holds an executable of that name; asked once an image and program."""
    import os
    import tempfile

    places = [program] if program.startswith('/') else [f'{folder}/{program}' for folder in ('/usr/local/bin', '/usr/bin', '/bin')]
    if _fake():
        return any(exists(f'/fake-images/{normalized(name).replace("/", "_")}{place}') for place in places)
    if (name, program) not in _programs:
        folder = tempfile.mkdtemp(prefix='stand-in.')
        try:
            code, _, err = run(['ctr', '-n', 'k8s.io', 'images', 'mount', normalized(name), folder])
            if code != 0:
                raise RuntimeFailure(f'rpc error: code = Unknown desc = failed to create containerd container: {err.strip()}')
            _programs[name, program] = any(os.path.lexists(folder + place) for place in places)
        finally:
            run(['ctr', '-n', 'k8s.io', 'images', 'unmount', '--rm', folder])
            os.rmdir(folder)
    return _programs[name, program]
