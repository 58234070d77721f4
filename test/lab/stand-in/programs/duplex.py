"""One TLS connection on which one thread reads lines while others send: OpenSSL's objects do not bear that by themselves."""

import json
import select
import ssl
import threading
import time


class Duplex:
    def __init__(self, connection, silence_seconds):
        """Nothing may be left in a buffer above the connection. Silence that long is an OSError."""
        self.connection, self.silence, self.lock, self.buffer = connection, silence_seconds, threading.Lock(), b''
        connection.setblocking(False)

    def messages(self):
        """Yields what the other side sends, until the connection ends."""
        while True:
            while b'\n' in self.buffer:
                line, _, self.buffer = self.buffer.partition(b'\n')
                if line.strip():
                    yield json.loads(line)
            data = self._receive()
            if not data:
                return
            self.buffer += data

    def _receive(self):
        end = time.monotonic() + self.silence
        while True:
            with self.lock:
                try:
                    return self.connection.recv(65536)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.connection], [], [], left)[0]:
                raise TimeoutError('the other side is silent')

    def send(self, message):
        data = memoryview(json.dumps(message).encode() + b'\n')
        with self.lock:
            while data:
                try:
                    data = data[self.connection.send(data):]
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    if not select.select([], [self.connection], [], 20)[1]:
                        raise TimeoutError('the other side takes nothing') from None

    def close(self):
        self.connection.close()
