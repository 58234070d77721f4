"""crictl: asks the real runtime through CRI. Debian has no cri-tools, and kubeadm wants a crictl."""

import json

from standin import runtime
from standin.cri import DEFAULT_ENDPOINT, call, fields
from standin.flags import BOOL, TEXT, parse
from standin.ground import ROOT, Refusal, load_yaml, read, say

_FLAGS = {'runtime-endpoint': TEXT, 'image-endpoint': TEXT, 'config': TEXT, 'timeout': TEXT, 'debug': BOOL, 'output': TEXT, 'quiet': BOOL, 'all': BOOL,
          'no-trunc': BOOL, 'version': BOOL, 'name': TEXT, 'label': TEXT, 'state': TEXT}
_SHORT = {'r': 'runtime-endpoint', 'i': 'image-endpoint', 'c': 'config', 't': 'timeout', 'D': 'debug', 'o': 'output', 'q': 'quiet', 'a': 'all'}


def main(arguments, version):
    options, words = parse(arguments, _FLAGS, _SHORT)
    if options.get('version'):
        return say(f'crictl version {version}')
    settings = (load_yaml(read(options.get('config', '/etc/crictl.yaml')) or '{}') or [{}])[0]
    endpoint = options.get('runtime-endpoint') or settings.get('runtime-endpoint') or DEFAULT_ENDPOINT
    commands = {'version': _version, 'info': _info, 'images': _images, 'image': _images, 'img': _images, 'inspecti': _inspect_image, 'pull': _pull,
                'ps': _containers, 'pods': _sandboxes}
    if not words or words[0] not in commands:
        raise Refusal(f'No help topic for \'{(words or [""])[0]}\'', 3)
    return commands[words[0]](endpoint, options, words[1:])


def _version(endpoint, _options, _words):
    name, number = runtime.version(endpoint)
    say(f'Version:  0.1.0\nRuntimeName:  {name}\nRuntimeVersion:  {number}\nRuntimeApiVersion:  v1')


def _info(endpoint, _options, _words):
    state = runtime.status(endpoint)
    conditions = [{'type': 'RuntimeReady', 'status': state['ready'], 'reason': '', 'message': ''},
                  {'type': 'NetworkReady', 'status': state['network'], 'reason': '' if state['network'] else 'NetworkPluginNotReady', 'message': state['networkMessage']}]
    say(json.dumps({'status': {'conditions': conditions}, **state['info']}, indent=2))


def _shown(image):
    return {'id': image['id'], 'repoTags': image['names'], 'repoDigests': image['digests'], 'size': str(image['size'])}


def _images(endpoint, options, words):
    found = [image for image in runtime.images(endpoint) if not words or runtime.normalized(words[0]) in image['names']]
    if options.get('output') == 'json':
        say(json.dumps({'images': [_shown(image) for image in found]}, indent=2))
    elif options.get('quiet'):
        for image in found:
            say(image['id'])
    else:
        say(f'{"IMAGE":<50} {"TAG":<20} {"IMAGE ID":<15} SIZE')
        for image in found:
            for name in image['names'] or ['<none>:<none>']:
                repository, _, tag = name.rpartition(':')
                say(f'{repository:<50} {tag:<20} {image["id"].removeprefix("sha256:")[:13]:<15} {image["size"] / 1e6:.3g}MB')


def _inspect_image(endpoint, _options, words):
    for name in words:
        found = next((image for image in runtime.images(endpoint) if runtime.normalized(name) in image['names'] or image['id'] == name), None)
        if not found:
            raise Refusal(f'no such image "{name}" present')
        say(json.dumps({'status': _shown(found)}, indent=2))


def _pull(endpoint, _options, words):
    if not runtime.has_image(words[0], endpoint):
        runtime.pull(words[0], endpoint)
    say(f'Image is up to date for {words[0]}')


def _containers(endpoint, options, _words):
    found = [] if ROOT else [fields(raw) for raw in fields(call(endpoint, 'RuntimeService/ListContainers')).get(1, [])]
    if options.get('output') == 'json':
        say(json.dumps({'containers': [{'id': one[1][0].decode(), 'podSandboxId': one[2][0].decode()} for one in found]}, indent=2))
    elif options.get('quiet'):
        for one in found:
            say(one[1][0].decode())
    else:
        say('CONTAINER           IMAGE               CREATED             STATE               NAME')
        for one in found:
            say(f'{one[1][0].decode()[:13]:<19} {"":<59} {fields(one[3][0])[1][0].decode()}')


def _sandboxes(endpoint, options, _words):
    found = [] if ROOT else [fields(raw)[1][0].decode() for raw in fields(call(endpoint, 'RuntimeService/ListPodSandbox')).get(1, [])]
    if options.get('output') == 'json':
        say(json.dumps({'items': [{'id': one} for one in found]}, indent=2))
    else:
        if not options.get('quiet'):
            say('POD ID')
        for one in found:
            say(one)
