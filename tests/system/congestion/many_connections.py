"""Many Multipath TCP connections, a hundred at a time: `serve ADDRESS PORT COUNT`, `connect ADDRESS PORT COUNT CC NAME`.

The client sends a little, waits for the answer (so that the second subflow can join), sends again, and closes. It asks
liquidnet-cc for the sockets that use NAME while a hundred are open, and prints the most that it saw.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys

IPPROTO_MPTCP = 262
AT_ONCE = 100


def receive(connection: socket.socket, size: int) -> None:
    while size > 0:
        got = len(connection.recv(size))
        if got == 0:
            raise SystemExit("the other end closed early")
        size -= got


def serve(address: str, port: int, count: int) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(4 * AT_ONCE)
    print("listening", flush=True)
    for _ in range(0, count, AT_ONCE):
        batch = [listener.accept()[0] for _ in range(AT_ONCE)]
        for _ in range(2):
            for connection in batch:
                receive(connection, 1000)
                connection.sendall(b"y" * 1000)
        for connection in batch:
            connection.recv(1)  # the client's end
            connection.close()


def sockets(program: str, name: str) -> int:
    lines = subprocess.run([program, "status"], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(one["sockets"] for one in map(json.loads, lines) if one["name"] == name)


def connect(address: str, port: int, count: int, program: str, name: str) -> None:
    most = 0
    for done in range(0, count, AT_ONCE):
        batch = []
        for _ in range(AT_ONCE):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
            connection.connect((address, port))
            batch.append(connection)
        for _ in range(2):
            for connection in batch:
                connection.sendall(b"x" * 1000)
            for connection in batch:
                receive(connection, 1000)
        if done % (10 * AT_ONCE) == 0:
            most = max(most, sockets(program, name))
        for connection in batch:
            connection.close()
    print("most", most)


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    connect(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6])
