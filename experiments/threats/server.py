"""The server that is attacked. Every connection gets the pattern, so many bytes at an interval, until its client sends the sign of the end, and
then that sign.

Usage: server.py PORT BACKLOG BYTES EVERY_MS TLS CERTIFICATE READY-FD

BYTES 0: a connection gets back what it sent first, and nothing else. TLS 1: over TLS. It ends when a connection to PORT + 1 has come
and gone, and prints JSON: the connections it had, the most half-open ones that the kernel held, octets of memory of one.
"""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import sys
import threading
import time

MPTCP = 262
HALF_OPEN = "03"  # in /proc/net/tcp
SAMPLE_S = 0.02
WORD, END = b"liquid-threats. ", b"#"

port, backlog, size, every_ms, tls = (int(text) for text in sys.argv[1:6])
certificate, ready = sys.argv[6], int(sys.argv[7])
half_open_most = served = 0


def secured(peer: socket.socket) -> socket.socket:
    if not tls:
        return peer
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(peer, server_side=True)


def serve(peer: socket.socket) -> None:
    try:
        with secured(peer) as stream:
            due, answered = time.monotonic(), False
            while True:
                left = due - time.monotonic() if size else None
                if left is not None and left <= 0:
                    stream.sendall(WORD * (size // len(WORD)))
                    due += every_ms / 1000
                elif select.select([stream], [], [], left)[0]:
                    data = stream.recv(65536)
                    if not data or data.endswith(END):
                        stream.sendall(END)
                        return
                    if not size and not answered:
                        stream.sendall(data)
                        answered = True
    except OSError:
        pass  # its client says what it got


def accept(listener: socket.socket) -> None:
    global served
    while True:
        peer, _ = listener.accept()
        served += 1
        threading.Thread(target=serve, args=(peer,), daemon=True).start()


def count_half_open() -> None:
    global half_open_most
    local = f":{port:04X}"
    while True:
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file]
        count = sum(row[1].endswith(local) and row[3] == HALF_OPEN for row in rows)
        half_open_most = max(half_open_most, count)
        time.sleep(SAMPLE_S)


def octets(kind: str) -> int:
    """Of one object in the kernel's memory; 0 where its kind has no cache of its own, or the kernel does not tell."""
    try:
        with open("/proc/slabinfo", encoding="ascii") as file:
            return next((int(row[3]) for row in map(str.split, file) if row[0] == kind), 0)
    except FileNotFoundError:
        return 0


with socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as listener, socket.socket() as goodbye:
    for one, at, most in ((listener, port, backlog), (goodbye, port + 1, 1)):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("", at))
        one.listen(most)
    for work, arguments in ((accept, (listener,)), (count_half_open, ())):
        threading.Thread(target=work, args=arguments, daemon=True).start()
    os.write(ready, b"READY\n")
    goodbye.accept()[0].recv(1)
    print(
        json.dumps(
            {
                "served": served,
                "half_open": half_open_most,
                "octets_join": octets("request_sock_subflow_v4"),
                "octets_tcp": octets("request_sock_TCP"),
            }
        ),
        flush=True,
    )
    os._exit(0)  # whatever its threads wait for
