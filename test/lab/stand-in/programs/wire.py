"""HTTP/1.1 over TLS on plain sockets: the standard library's server and client take seconds to import under emulation."""

import json
import os
import socket
import ssl
import threading
from urllib.parse import parse_qsl, unquote, urlencode

from standin.ground import klog


class Reply(Exception):
    """An answer with a body; raised by handlers to answer early."""

    def __init__(self, status, body=b'', kind='application/json'):
        super().__init__(status)
        self.status, self.kind = status, kind
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode() if not isinstance(body, str) else body.encode()

    def json(self):
        return json.loads(self.body or b'null')

    def text(self):
        return self.body.decode(errors='replace')


class Request:
    def __init__(self, method, target, headers, body, peer):
        path, _, query = target.partition('?')
        self.method, self.path, self.headers, self.body = method, unquote(path), headers, body
        self.query, self.peer = dict(parse_qsl(query, keep_blank_values=True)), peer

    def json(self):
        return json.loads(self.body or b'null')


def with_pem(pem, use):
    """Calls use(path) with a path that holds the text, without a file on disk."""
    descriptor = os.memfd_create('pem')
    try:
        os.write(descriptor, pem.encode())
        return use(f'/proc/self/fd/{descriptor}')
    finally:
        os.close(descriptor)


def server_tls(certificate, key, client_ca=None, demand=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with_pem(key + certificate, context.load_cert_chain)
    if client_ca:
        context.load_verify_locations(cadata=client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
    return context


def client_tls(ca=None, certificate=None, key=None):
    """Without a CA nothing is verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        context.load_verify_locations(cadata=ca)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        with_pem(key + certificate, context.load_cert_chain)
    return context


def explain(error, host, port):
    """A failed connection in the words that Go uses for it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in (62, 64):
            from standin.pki import addresses_of

            names = addresses_of(ssl.get_server_certificate((host, port)))
            return f'tls: failed to verify certificate: x509: certificate is valid for {", ".join(names)}, not {host}'
        if error.verify_code in (9, 10):
            return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
        return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
    if isinstance(error, ConnectionRefusedError):
        return f'dial tcp {host}:{port}: connect: connection refused'
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f'dial tcp {host}:{port}: i/o timeout'
    if isinstance(error, OSError) and error.errno == 101:
        return f'dial tcp {host}:{port}: connect: network is unreachable'
    if isinstance(error, OSError) and error.errno == 113:
        return f'dial tcp {host}:{port}: connect: no route to host'
    return f'dial tcp {host}:{port}: {error}'


def upgrade_head(connection):
    """Reads a head byte by byte, so that what follows stays in the connection; its first line, or None."""
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        byte = connection.recv(1)
        if not byte:
            return None
        head += byte
    return head.split(b'\r\n')[0].decode()


def read_head(stream):
    """(first line, headers with lower-case names), or None at the end of the stream."""
    first = stream.readline(65536).decode('latin-1').rstrip('\r\n')
    if not first:
        return None
    headers = {}
    while line := stream.readline(65536).decode('latin-1').rstrip('\r\n'):
        name, _, value = line.partition(':')
        headers[name.strip().lower()] = value.strip()
    return first, headers


class Client:
    """Keeps one connection; an error of the network is an OSError."""

    def __init__(self, host, port, tls=None, token=None, timeout=30):
        self.host, self.port, self.tls, self.timeout = host, int(port), tls, timeout
        self.headers = {'Authorization': f'Bearer {token}'} if token else {}
        self.stream = self.socket = None

    def connect(self):
        self.close()
        plain = socket.create_connection((self.host, self.port), self.timeout)
        # A link that is cut says nothing by itself.
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
            plain.setsockopt(socket.IPPROTO_TCP, option, value)
        try:
            self.socket = self.tls.wrap_socket(plain, server_hostname=self.host) if self.tls else plain
        except BaseException:
            plain.close()
            raise
        self.stream = self.socket.makefile('rb')

    def close(self):
        if self.socket:
            self.stream.close()
            self.socket.close()
        self.stream = self.socket = None

    def send(self, method, path, body=None, query=None, kind='application/json', headers=None):
        data = b'' if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        target = path + ('?' + urlencode(query) if query else '')
        lines = [f'{method} {target} HTTP/1.1', f'Host: {self.host}', f'Content-Length: {len(data)}', f'Content-Type: {kind}']
        lines += [f'{name}: {value}' for name, value in {**self.headers, **(headers or {})}.items()]
        self.socket.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n' + data)

    def request(self, method, path, body=None, query=None, kind='application/json', headers=None):
        """One Reply. A connection that the server has closed meanwhile is opened again, once."""
        for attempt in (1, 2):
            if reused := self.socket is not None:
                pass
            else:
                self.connect()
            try:
                self.send(method, path, body, query, kind, headers)
                head = read_head(self.stream)
                if head is None:
                    raise ConnectionResetError(104, 'connection reset by peer')
                length = int(head[1].get('content-length', 0))
                return Reply(int(head[0].split()[1]), self.stream.read(length), head[1].get('content-type', ''))
            except OSError:
                self.close()
                if attempt == 2 or not reused:
                    raise

    def lines(self, path, query):
        """Yields the objects of a stream that has one JSON document a line; ends with the stream."""
        self.connect()
        self.send('GET', path, query=query)
        first, _ = read_head(self.stream) or ('HTTP/1.1 500', {})
        if ' 200' not in first:
            raise OSError(f'watch of {path}: {first}')
        for line in self.stream:
            if line.strip():
                yield json.loads(line)


def serve(hosts, port, tls, handle):
    """Listens, then answers on threads of their own. handle(request) returns or raises a Reply, or yields lines of a stream.
    A handler with the attribute `upgrade` gets the raw connection instead where a request asks for an upgrade."""
    listeners = []
    for host in hosts:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
        listeners.append(listener)
    for listener in listeners:
        threading.Thread(target=_accept, args=(listener, tls, handle), daemon=True).start()
    return listeners


def _accept(listener, tls, handle):
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(plain, tls, handle), daemon=True).start()


def _converse(plain, tls, handle):
    try:
        plain.settimeout(60)
        connection = tls.wrap_socket(plain, server_side=True) if tls else plain
        with connection, connection.makefile('rb') as stream:
            while head := read_head(stream):
                method, target, _ = head[0].split(' ', 2)
                body = stream.read(int(head[1].get('content-length', 0)))
                peer = _subject(connection.getpeercert()) if tls else {}
                request = Request(method, target, head[1], body, peer)
                if 'upgrade' in head[1] and hasattr(handle, 'upgrade'):
                    # Who asks for an upgrade waits for the answer: nothing more is in the stream's buffer.
                    handle.upgrade(request, connection)
                    return
                if not _answer(connection, handle, request):
                    return
    except (OSError, ValueError):
        # A client that went away or speaks no TLS is its own affair.
        return


def _answer(connection, handle, request):
    """False when the connection cannot be used again."""
    try:
        reply = handle(request)
    except Reply as early:
        reply = early
    except Exception as error:  # A fault of one handler must not end the server.
        klog(f'{request.method} {request.path}: {error!r}', 'E')
        reply = Reply(500, {'kind': 'Status', 'status': 'Failure', 'code': 500, 'message': repr(error)})
    if not isinstance(reply, Reply):
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n')
        for line in reply:
            connection.sendall(json.dumps(line).encode() + b'\n')
        return False
    head = f'HTTP/1.1 {reply.status} -\r\nContent-Type: {reply.kind}\r\nContent-Length: {len(reply.body)}\r\n\r\n'
    connection.sendall(head.encode() + reply.body)
    return True


def _subject(certificate):
    """{'CN': …, 'O': …} of a verified client certificate, empty without one."""
    short = {'commonName': 'CN', 'organizationName': 'O'}
    fields = [pair for group in (certificate or {}).get('subject', ()) for pair in group]
    return {short[name]: value for name, value in fields if name in short}
