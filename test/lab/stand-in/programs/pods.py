"""Runs the pods of one node, as far as a stand-in runs anything: it asks the real runtime for the image, the sandbox image and the
network, and starts processes only for containers that other programs must reach or that say what to run."""

import os
import signal
import subprocess
import threading
import time

from standin import bridge, runtime
from standin.cri import RuntimeFailure
from standin.ground import Refusal, at, klog, now_text, pace

_BACKOFF = (1, 2, 4, 8, 15, 30)


class Waiting(Refusal):
    """A container cannot run (yet): (reason, message) as its status shows them."""

    def __init__(self, reason, message=''):
        super().__init__(message)
        self.reason = reason


class _Container:
    def __init__(self):
        self.process, self.started, self.restarts, self.next_start, self.exit_code = None, None, 0, 0.0, None


class Pods:
    """`special` maps a container's name to a function (pod, container) that returns a command, or None for nothing to start, and raises
    Waiting while the container would crash."""

    def __init__(self, host_ip, endpoint, pod_subnet, special):
        self.host_ip, self.endpoint, self.pod_subnet, self.special = host_ip, endpoint, pod_subnet, special
        self.containers, self.addresses = {}, {}
        # The agent's end comes by a signal while other threads start containers; it may come to the thread that holds the lock.
        self.starting, self.is_over = threading.RLock(), False

    def sync(self, pods):
        """Brings the node to these pods; {uid: status}."""
        try:
            state = {**runtime.status(self.endpoint), 'images': {name for image in runtime.images(self.endpoint) for name in image['names']}}
        except RuntimeFailure as error:
            state = {'error': str(error)}
        living = {pod['metadata']['uid'] for pod in pods if not pod['metadata'].get('deletionTimestamp')}
        for key in [key for key in self.containers if key[0] not in living]:
            self._stop(self.containers.pop(key))
        return {pod['metadata']['uid']: self._status(pod, state) for pod in pods if pod['metadata']['uid'] in living}

    def stop(self):
        with self.starting:
            self.is_over = True
            for container in list(self.containers.values()):
                self._stop(container)

    def _status(self, pod, state):
        spec, statuses = pod['spec'], []
        try:
            self._sandbox(pod, state)
            for container in spec.get('initContainers') or []:
                _need_image(container, state['images'])
            obstacle = None
        except Waiting as waiting:
            obstacle = waiting
        for container in spec['containers']:
            statuses.append(self._container_status(pod, container, state, obstacle))
        ready = all(one['ready'] for one in statuses)
        ended = all('terminated' in one['state'] for one in statuses)
        failed = ended and any(one['state']['terminated']['exitCode'] for one in statuses)
        running = any('running' in one['state'] or one['restartCount'] for one in statuses)
        phase = 'Failed' if failed else 'Succeeded' if ended else 'Running' if running else 'Pending'
        since = pod.get('status', {}).get('startTime') or now_text()
        conditions = [{'type': kind, 'status': 'True' if holds else 'False'}
                      for kind, holds in (('Initialized', not obstacle), ('Ready', ready), ('ContainersReady', ready), ('PodScheduled', True))]
        addresses = {} if obstacle else {'podIP': self._address(pod), 'podIPs': [{'ip': self._address(pod)}]}
        return {'phase': phase, 'hostIP': self.host_ip, 'startTime': since, 'conditions': conditions, 'containerStatuses': statuses, **addresses}

    def _sandbox(self, pod, state):
        if 'error' in state:
            raise Waiting('ContainerCreating', state['error'])
        if state['sandboxImage'] and runtime.normalized(state['sandboxImage']) not in state['images']:
            raise Waiting('ContainerCreating', f'Failed to create pod sandbox: failed to get sandbox image "{state["sandboxImage"]}"')
        if pod['spec'].get('hostNetwork'):
            return
        if not state['network']:
            raise Waiting('ContainerCreating', f'network is not ready: container runtime network not ready: {state["networkMessage"]}')
        if pod['metadata']['uid'] in self.addresses:
            return
        try:
            bridge.connect()
        except Refusal as error:
            raise Waiting('ContainerCreating', 'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox '
                                               f'"{os.urandom(32).hex()}": {error}') from error

    def _container_status(self, pod, container, state, obstacle):
        held = self.containers.setdefault((pod['metadata']['uid'], container['name']), _Container())
        try:
            if obstacle:
                raise obstacle
            _need_image(container, state['images'])
            self._keep_running(pod, container, held)
            shown = {'running': {'startedAt': held.started}}
        except Waiting as waiting:
            if held.process:
                self._stop(held)
            shown = {'waiting': {'reason': waiting.reason, **({'message': str(waiting)} if str(waiting) else {})}}
            if waiting.reason == 'CrashLoopBackOff':
                held.restarts = max(held.restarts, 1)
        except StopIteration:
            shown = {'terminated': {'exitCode': held.exit_code, 'reason': 'Completed' if held.exit_code == 0 else 'Error'}}
        return {'name': container['name'], 'image': runtime.normalized(container['image']), 'imageID': '', 'restartCount': held.restarts,
                'ready': 'running' in shown and not (held.process and _is_probed(container)), 'started': 'running' in shown, 'state': shown}

    def _keep_running(self, pod, container, held):
        program = self.special.get(container['name'])
        command = program(pod, container) if program else self._own_command(container)
        if not command:
            if not held.started:
                held.started = now_text()
                _log(pod, container, f'[stand-in] {container["name"]} of {container["image"]} stands as running; nothing is executed')
            return
        if held.process and (code := held.process.poll()) is not None:
            held.process, held.exit_code = None, code
            policy = pod['spec'].get('restartPolicy', 'Always')
            if policy == 'Never' or (policy == 'OnFailure' and code == 0):
                raise StopIteration
            held.next_start = time.monotonic() + pace(_BACKOFF[min(held.restarts, len(_BACKOFF) - 1)])
            held.restarts += 1
        elif held.exit_code is not None and pod['spec'].get('restartPolicy') in ('Never', 'OnFailure') and not held.process:
            raise StopIteration
        if not held.process:
            if time.monotonic() < held.next_start:
                raise Waiting('CrashLoopBackOff', f'back-off restarting failed container={container["name"]} pod={pod["metadata"]["name"]}')
            with self.starting, open(_log_path(pod, container), 'ab') as log:
                if self.is_over:
                    raise Waiting('ContainerCreating')
                held.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            held.started = now_text()
            klog(f'started container {container["name"]} of pod {pod["metadata"]["name"]}')

    def _own_command(self, container):
        command = [*(container.get('command') or []), *(container.get('args') or [])] if container.get('command') else []
        try:
            is_there = not command or runtime.holds_program(container['image'], command[0])
        except RuntimeFailure as error:
            raise Waiting('CreateContainerError', str(error)) from error
        if not is_there:
            raise Waiting('RunContainerError', 'failed to create containerd task: OCI runtime create failed: runc create failed: unable to start '
                                               f'container process: exec: "{command[0]}": executable file not found in $PATH: unknown')
        return command if command and os.path.basename(command[0]) in ('sh', 'echo', 'sleep', 'true', 'false', 'cat') else None

    def _address(self, pod):
        if pod['spec'].get('hostNetwork'):
            return self.host_ip
        uid = pod['metadata']['uid']
        if uid not in self.addresses:
            subnet = self.pod_subnet() or '10.88.0.0/16'
            self.addresses[uid] = subnet.rsplit('.', 1)[0] + f'.{2 + len(self.addresses) % 250}'
        return self.addresses[uid]

    def _stop(self, container):
        if container.process and container.process.poll() is None:
            try:
                os.killpg(container.process.pid, signal.SIGTERM)
                container.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                container.process.kill()
        container.process = None


def stop_with_me(runners):
    """Processes end with the agent that started them. A real container outlives it, but nobody would find a stand-in's again."""

    def end(_signal, _frame):
        for runner in runners:
            runner.stop()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)


def _is_probed(container):
    """Whether something asks the container over the network if it is ready; no process that a stand-in starts would answer."""
    return 'httpGet' in (container.get('readinessProbe') or {})


def _need_image(container, images):
    policy, image = container.get('imagePullPolicy', 'IfNotPresent'), container['image']
    if runtime.normalized(image) in images and policy != 'Always':
        return
    if policy == 'Never':
        raise Waiting('ErrImageNeverPull', f'Container image "{image}" is not present with pull policy of Never')
    raise Waiting('ImagePullBackOff', f'Back-off pulling image "{image}"')


def _log_path(pod, container):
    meta = pod['metadata']
    folder = at(f'/var/log/pods/{meta.get("namespace", "default")}_{meta["name"]}_{meta["uid"]}/{container["name"]}')
    os.makedirs(folder, exist_ok=True)
    return f'{folder}/0.log'


def _log(pod, container, line):
    with open(_log_path(pod, container), 'a', encoding='utf-8') as log:
        log.write(line + '\n')


def read_log(namespace, pod_name, container, tail=None):
    """The log's text of the newest pod of that name on this node, or None."""
    import glob

    found = sorted(glob.glob(at(f'/var/log/pods/{namespace}_{pod_name}_*/{container}/0.log')), key=os.path.getmtime)
    if not found:
        return None
    with open(found[-1], encoding='utf-8', errors='replace') as log:
        lines = log.readlines()
    return ''.join(lines if tail is None else lines[-int(tail):] if int(tail) else [])
