"""The real container runtime, asked through CRI: gRPC over its Unix socket, by hand, since a guest has no gRPC library."""

import socket
import struct

from standin.ground import Refusal, at

DEFAULT_ENDPOINT = 'unix:///run/containerd/containerd.sock'

# How long each symbol's code is in HPACK (RFC 7541, appendix B), A for 5 bits; the code is canonical, so lengths say all.
_LENGTHS = (
    'ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHF'
    'IBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIX'
    'PRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRS'
    'VVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWV'
)
_GRPC_CODES = {2: 'Unknown', 3: 'InvalidArgument', 4: 'DeadlineExceeded', 5: 'NotFound', 12: 'Unimplemented', 14: 'Unavailable'}


class RuntimeFailure(Refusal):
    """The runtime's own error text: `rpc error: code = X desc = Y`."""


def message(*pairs):
    """A protobuf message from (number, value): text, bytes, int or bool."""
    out = b''
    for number, value in pairs:
        if isinstance(value, (str, bytes)):
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
        else:
            out += _varint(number << 3) + _varint(int(value))
    return out


def fields(data):
    """{number: [value, …]} of a protobuf message; nested messages stay bytes."""
    found, position = {}, 0
    while position < len(data):
        key, position = _read_varint(data, position)
        if key & 7 == 2:
            length, position = _read_varint(data, position)
            value, position = data[position:position + length], position + length
        elif key & 7 == 0:
            value, position = _read_varint(data, position)
        else:
            value, position = None, position + (8 if key & 7 == 1 else 4)
        found.setdefault(key >> 3, []).append(value)
    return found


def call(endpoint, method, request=b'', timeout=20):
    """The answer's bytes. A method such as `RuntimeService/Status`."""
    path = endpoint.removeprefix('unix://')
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    with connection:
        try:
            connection.connect(at(path))
        except OSError as error:
            words = 'no such file or directory' if isinstance(error, FileNotFoundError) else 'connection refused'
            raise RuntimeFailure('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while '
                                 f'dialing: dial unix {path}: connect: {words}"') from error
        heads = {':method': 'POST', ':scheme': 'http', ':path': f'/runtime.v1.{method}', ':authority': 'localhost',
                 'content-type': 'application/grpc', 'te': 'trailers'}
        block = b''.join(b'\0' + bytes([len(k)]) + k.encode() + bytes([len(v)]) + v.encode() for k, v in heads.items())
        connection.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + _frame(4, 0, 0, struct.pack('>HI', 4, 1 << 30))
                           + _frame(8, 0, 0, struct.pack('>I', 1 << 30)) + _frame(1, 4, 1, block)
                           + _frame(0, 1, 1, struct.pack('>BI', 0, len(request)) + request))
        try:
            body, trailers = _receive(connection)
        except socket.timeout as error:
            raise RuntimeFailure('rpc error: code = DeadlineExceeded desc = context deadline exceeded') from error
    code = int(trailers.get('grpc-status', '14'))
    if code:
        from urllib.parse import unquote

        text = unquote(trailers.get('grpc-message', 'the runtime closed the connection'))
        raise RuntimeFailure(f'rpc error: code = {_GRPC_CODES.get(code, code)} desc = {text}')
    return body[5:]


def _receive(connection):
    stream, body, trailers, table = connection.makefile('rb'), b'', {}, []
    while True:
        head = stream.read(9)
        if len(head) < 9:
            return body, trailers
        length, kind, flags, number = int.from_bytes(head[:3], 'big'), head[3], head[4], int.from_bytes(head[5:], 'big')
        data = stream.read(length)
        if kind == 4 and not flags & 1:
            connection.sendall(_frame(4, 1, 0, b''))
        elif kind == 6 and not flags & 1:
            connection.sendall(_frame(6, 1, 0, data))
        elif kind == 0:
            body += data
        elif kind == 1:
            trailers.update(_headers(data, table))
        elif kind in (3, 7):
            return body, trailers
        if number and flags & 1 and kind in (0, 1):
            return body, trailers


def _headers(block, table):
    """The gRPC fields of a header block; names of the static table do not matter here and stay numbers."""
    found, position = {}, 0
    while position < len(block):
        byte = block[position]
        if byte & 0x80:
            index, position = _prefixed(block, position, 7)
            name, value = table[index - 62] if index > 61 else (index, '')
        elif byte & 0xE0 == 0x20:
            _, position = _prefixed(block, position, 5)
            continue
        else:
            index, position = _prefixed(block, position, 6 if byte & 0x40 else 4)
            if index:
                name = table[index - 62][0] if index > 61 else index
            else:
                name, position = _text(block, position)
            value, position = _text(block, position)
            if byte & 0x40:
                table.insert(0, (name, value))
        found[name] = value
    return found


def _prefixed(data, position, bits):
    value, position = data[position] & (1 << bits) - 1, position + 1
    if value < (1 << bits) - 1:
        return value, position
    rest, position = _read_varint(data, position)
    return value + rest, position


def _text(data, position):
    packed = data[position] & 0x80
    length, position = _prefixed(data, position, 7)
    raw = data[position:position + length]
    return (_unpack(raw) if packed else raw.decode()), position + length


_codes = {}


def _make_codes():
    code = previous = 0
    for length, symbol in sorted((ord(letter) - 60, symbol) for symbol, letter in enumerate(_LENGTHS)):
        code <<= length - previous if previous else 0
        _codes[length, code] = chr(symbol)
        code, previous = code + 1, length


def _unpack(raw):
    if not _codes:
        _make_codes()
    text, code, length = '', 0, 0
    for bit in (byte >> shift & 1 for byte in raw for shift in range(7, -1, -1)):
        code, length = code << 1 | bit, length + 1
        if (length, code) in _codes:
            text += _codes[length, code]
            code = length = 0
    return text


def _frame(kind, flags, stream, data):
    return len(data).to_bytes(3, 'big') + bytes([kind, flags]) + stream.to_bytes(4, 'big') + data


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _read_varint(data, position):
    value = shift = 0
    while True:
        byte, position = data[position], position + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
