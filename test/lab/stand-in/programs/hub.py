"""cloudcore's side of the connections that edges hold: the hub for nodes and pods, the tunnel for logs. One JSON object a line after
the upgrade stands in for the real framing."""

import queue
import threading
import time

from standin.api import ApiError, Unreachable
from standin.duplex import Duplex
from standin.ground import klog, pace
from standin.node import lease
from standin.wire import Reply

_UPGRADED = b'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'


class Hub:
    def __init__(self, api, has_stream):
        self.api, self.has_stream, self.lock, self.sessions, self.pods = api, has_stream, threading.Lock(), {}, {}
        self.sending = threading.Lock()

    def __call__(self, request):
        return Reply(400, 'the client is not using the websocket protocol', 'text/plain')

    def upgrade(self, request, connection):
        name = request.headers.get('node_id', '')
        if request.peer.get('CN') != f'system:node:{name}':
            connection.sendall(b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
            return
        connection.sendall(_UPGRADED)
        klog(f'edge node {name} for project {request.path.strip("/").split("/")[0]} connected')
        session = Duplex(connection, 60)
        with self.lock:
            self.sessions[name] = session
        try:
            self._send_pods(name)
            for message in session.messages():
                self._take(name, message)
        finally:
            with self.lock:
                if self.sessions.get(name) is session:
                    del self.sessions[name]
            klog(f'edge node {name} disconnected')

    def _take(self, name, message):
        with self.lock:
            try:
                if 'node' in message:
                    self._node(name, message['node'], message.get('register'))
                for pod in message.get('pods', []):
                    from standin.kubelet import report

                    report(self.api, {'metadata': pod['metadata']}, pod['status'])
            except (ApiError, Unreachable) as error:
                klog(f'message of {name}: {error}', 'E')

    def _node(self, name, wanted, register):
        """Registered once, when edgecore starts; a node that somebody deleted stays away until it starts again."""
        api = self.api
        if self.has_stream:
            wanted['status']['daemonEndpoints']['kubeletEndpoint']['Port'] = 10351
        known = api.get('v1', 'Node', None, name)
        if known is None:
            if not register:
                return
            known = api.create(wanted)
            klog(f'registered node {name}')
        api.apply(lease(name))
        status = {one['type']: one['status'] for one in known.get('status', {}).get('conditions', [])}
        mine = {one['type']: one['status'] for one in wanted['status']['conditions']}
        moved = known.get('status', {}).get('addresses') != wanted['status']['addresses']
        if register or moved or status.get('Ready') != mine['Ready']:
            api.patch('v1', 'Node', None, name, {'metadata': {'labels': wanted['metadata']['labels']}, 'status': wanted['status']})
        self._send(name, {'registered': True, 'podCIDR': known.get('spec', {}).get('podCIDR')})

    def follow_pods(self):
        """Never returns: tells each edge its pods whenever they change."""
        while True:
            try:
                reply = self.api.make().request('GET', '/api/v1/pods').json()
                self.pods = {pod['metadata']['uid']: pod for pod in reply['items']}
                for name in list(self.sessions):
                    self._send_pods(name)
                for change, pod in self.api.watch('v1', 'Pod', reply['metadata']['resourceVersion']):
                    if change == 'BOOKMARK':
                        continue
                    if change == 'DELETED':
                        self.pods.pop(pod['metadata']['uid'], None)
                    else:
                        self.pods[pod['metadata']['uid']] = pod
                    self._send_pods(pod['spec'].get('nodeName'))
            except (ApiError, Unreachable, OSError, ValueError) as error:
                klog(f'watch pods: {error}', 'W')
                time.sleep(pace(1))

    def _send_pods(self, name):
        # A list that is older than what the edge has been told must not come after it: nothing would correct it.
        with self.sending:
            if name in self.sessions:
                self._send(name, {'pods': [pod for pod in list(self.pods.values()) if pod['spec'].get('nodeName') == name]})

    def _send(self, name, message):
        try:
            self.sessions[name].send(message)
        except (OSError, KeyError) as error:
            klog(f'send to {name}: {error!r}', 'W')


class Tunnel:
    """Edges connect to 10004 and wait; the API server asks on 10003."""

    def __init__(self):
        self.edges, self.answers, self.number, self.lock = {}, {}, 0, threading.Lock()

    def __call__(self, request):
        return Reply(400, 'the client is not using the websocket protocol', 'text/plain')

    def upgrade(self, request, connection):
        name = request.headers.get('sessionkey', '')
        connection.sendall(_UPGRADED)
        session = self.edges[name] = Duplex(connection, 60)
        try:
            for answer in session.messages():
                if answer.get('id') in self.answers:
                    self.answers[answer['id']].put(answer)
                elif not answer:
                    session.send({})
        finally:
            if self.edges.get(name) is session:
                del self.edges[name]

    def ask(self, request):
        name = request.headers.get('node', '')
        if name not in self.edges:
            # The real one tells its own log alone; who asked gets a code without a word.
            klog(f'Failed to get container logs, err: can not find {name} session ', 'E')
            return Reply(500, '', 'text/plain')
        with self.lock:
            self.number += 1
            number, box = self.number, queue.Queue()
            self.answers[number] = box
            self.edges[name].send({'id': number, 'path': request.path, 'query': request.query})
        try:
            answer = box.get(timeout=15)
            return Reply(answer['status'], answer['body'], 'text/plain')
        except queue.Empty:
            return Reply(500, f'edge node {name} does not answer', 'text/plain')
        finally:
            del self.answers[number]
