"""The client that is attacked: one connection after another.

Usage: client.py ADDRESS PORT CONNECTIONS SECONDS TLS [READY-FD]

Each is read for so many seconds, while 96 bytes go the other way at every 20 ms, and must then end in order: what came is the pattern
from its beginning to its end, and the sign of the end behind it. Prints JSON.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import sys
import time

MPTCP = 262
WORD, END = b"liquid-threats. ", b"#"
EVERY_S = 0.02
PATIENCE_S = 1.0

address, port, connections, seconds, tls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])


def secured(plain: socket.socket) -> socket.socket:
    if not tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the certificate was made for this trial
    return context.wrap_socket(plain)


def converse(stream: socket.socket, until: float) -> bytes:
    got = b""
    due = time.monotonic()
    while (now := time.monotonic()) < until:
        if now >= due:
            stream.sendall(WORD * 6)
            due += EVERY_S
        pending = isinstance(stream, ssl.SSLSocket) and stream.pending()
        if pending or select.select([stream], [], [], max(0.0, min(due, until) - time.monotonic()))[0]:
            data = stream.recv(65536)
            if not data:
                raise OSError("the server ended it")
            got += data
    return got


def rest(stream: socket.socket) -> bytes:
    """What still comes once we have finished, to the sign of the end."""
    got = b""
    stream.sendall(END)
    stream.settimeout(PATIENCE_S)
    while not got.endswith(END):
        data = stream.recv(65536)
        if not data:
            raise OSError("the end did not come")
        got += data
    return got[:-1]


def one() -> tuple[str, int]:
    """How a connection ended: `in order`, or why not; and the bytes that it got."""
    got = b""
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    plain.settimeout(PATIENCE_S)
    try:
        plain.connect((address, port))
        until = time.monotonic() + seconds
        stream = secured(plain)
        got = converse(stream, until)
        got += rest(stream)
        stream.close()
    except OSError as error:
        plain.close()
        return str(error), len(got)
    whole = got == WORD * (len(got) // len(WORD))
    return ("in order" if got and whole else "not the pattern"), len(got)


ends = [one() for _ in range(connections)]
with socket.create_connection((address, port + 1), PATIENCE_S):
    pass
print(
    json.dumps(
        {
            "tries": connections,
            "unharmed": sum(end == "in order" for end, _ in ends),
            "received": sum(count for _, count in ends),
            "new_ms": 0,
            "ends": [end for end, _ in ends],
        }
    )
)
