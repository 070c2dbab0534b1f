"""Both ends of a connection over which much goes both ways, and that is silent then.

Usage: bulk.py serve PORT MEGABYTES READY-FD, or bulk.py ADDRESS PORT MEGABYTES: a quarter more than so much each way. They end when they are told to.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading

MPTCP = 262


def exchange(stream: socket.socket, size: int) -> None:
    def send() -> None:
        part = bytes(1 << 16)
        for _ in range(size // len(part)):
            stream.sendall(part)

    sender = threading.Thread(target=send)
    sender.start()
    left = size
    while left:
        data = stream.recv(min(left, 1 << 20))
        if not data:
            raise SystemExit("the connection ended")
        left -= len(data)
    sender.join()


def open_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)


port, size = int(sys.argv[2]), int(sys.argv[3]) * 5 << 18
if sys.argv[1] == "serve":
    listener = open_socket()
    listener.bind(("", port))
    listener.listen(1)
    os.write(int(sys.argv[4]), b"READY\n")
    stream, _ = listener.accept()
else:
    stream = open_socket()
    stream.connect((sys.argv[1], port))
exchange(stream, size)
signal.pause()
