"""edgecore's own MQTT broker, as far as a connect goes."""

import socket
import sys

from standin import machine


def run_broker():
    listener = socket.create_server((machine.loopback(), 1884))
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            try:
                if connection.recv(256):
                    connection.sendall(b'\x20\x02\x00\x00')
            except OSError as error:
                sys.stderr.write(f'broker: {error}\n')
