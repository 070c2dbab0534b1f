"""Flows one after another, of Pareto sizes, and how long each took.

    pareto.py serve PROTOCOL PORT                            takes flows: eight bytes that say how many follow, and those; answers with one byte
    pareto.py send PROTOCOL PORT [--KEY=VALUE...] ADDRESS... sends flows to servers drawn by chance; prints {"flows": [...], "bytes": N}

PROTOCOL is tcp or mptcp. Keys: seed (any text), flows, shape, bytes=LEAST-MOST, rate (bit/s, of the slowest link of a path).
`seconds` of a flow end when the server's answer to the last byte is here; `slowdown` is that over the time in which the rate alone carries its bytes.
"""

from __future__ import annotations

import json
import random
import socket
import struct
import sys
import threading
import time

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "mptcp": 262}
PIECE = bytes(1 << 16)
HEADERS = 1514 / 1448  # bytes of a link per byte of payload


def take(connection: socket.socket) -> None:
    with connection:
        left: int = struct.unpack("!Q", connection.recv(8, socket.MSG_WAITALL))[0]
        while left > 0:
            piece = connection.recv(len(PIECE))
            if not piece:
                return
            left -= len(piece)
        connection.sendall(b".")


def serve(protocol: int, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(64)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=take, args=(connection,), daemon=True).start()


def send_one(protocol: int, address: str, port: int, size: int) -> float:
    """A flow's seconds, its handshake counted."""
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as connection:
        connection.connect((address, port))
        connection.sendall(struct.pack("!Q", size))
        for at in range(0, size, len(PIECE)):
            connection.sendall(PIECE[: size - at])
        if connection.recv(1) != b".":
            sys.exit(f"pareto.py: {address} closed before it had all of {size} bytes")
    return time.monotonic() - began


def send(protocol: int, port: int, keys: dict[str, str], addresses: list[str]) -> None:
    draws = random.Random(keys["seed"])
    least, most = (int(text) for text in keys["bytes"].split("-"))
    flows = []
    for _ in range(int(keys["flows"])):
        size = min(int(least * draws.paretovariate(float(keys["shape"]))), most)
        seconds = send_one(protocol, draws.choice(addresses), port, size)
        flows.append({"bytes": size, "seconds": seconds, "slowdown": seconds * float(keys["rate"]) / (8 * size * HEADERS)})
    print(json.dumps({"flows": flows, "bytes": sum(flow["bytes"] for flow in flows)}))


def main(arguments: list[str]) -> None:
    command, protocol, port, *rest = arguments
    if command == "serve":
        serve(PROTOCOLS[protocol], int(port))
    keys = dict(word[2:].split("=", 1) for word in rest if word.startswith("--"))
    send(PROTOCOLS[protocol], int(port), keys, [word for word in rest if not word.startswith("--")])


main(sys.argv[1:])
