"""A transfer over one connection, and how long the receiver got nothing while it ran.

    transfer.py take PROTOCOL PORT                           takes one connection's data; prints {"gap": S, "gap_at": S, "bytes": N, "rate": BIT/S}
    transfer.py send PROTOCOL ADDRESS PORT SECONDS FAILS_AT SEED   sends until so long after its start; prints {"rto": S, "bytes": N}

PROTOCOL is tcp or mptcp. `gap` is the longest time between two pieces of data that the receiver was given, which are in order; `gap_at`, when it began,
since the first piece. The sender connects within its first second, when the seed says, so that a failure meets the transfer anywhere. `rto` is the retransmission timeout of the first subflow at the last look before FAILS_AT seconds; there is a look every 10 ms.
"""

from __future__ import annotations

import json
import random
import select
import socket
import struct
import sys
import time

PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "mptcp": 262}
PIECE = bytes(1 << 14)
LOOK = 0.01  # s
RTO_AT = 8  # struct tcp_info: eight bytes, then tcpi_rto, in microseconds


def take(protocol: int, port: int) -> dict[str, float]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listener:  # which further subflows need, too
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(1)
        connection, _ = listener.accept()
        with connection:
            return receive(connection)


def receive(connection: socket.socket) -> dict[str, float]:
    total = len(connection.recv(1 << 20))
    first = last = time.monotonic()
    gap = gap_at = 0.0
    while piece := connection.recv(1 << 20):
        now = time.monotonic()
        if now - last > gap:
            gap, gap_at = now - last, last - first
        total += len(piece)
        last = now
    return {"gap": gap, "gap_at": gap_at, "bytes": total, "rate": 8 * total / max(last - first, 1e-9)}


def send(protocol: int, address: str, port: int, seconds: float, fails_at: float, seed: str) -> dict[str, float]:
    began = time.monotonic()
    rto, sent = 0, 0
    time.sleep(random.Random(seed).random())
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as connection:
        connection.connect((address, port))
        connection.setblocking(False)
        look = began
        while (now := time.monotonic()) < began + seconds:
            if now >= look:
                look = now + LOOK
                if now < began + fails_at:
                    info = connection.getsockopt(socket.SOL_TCP, socket.TCP_INFO, 104)
                    rto = struct.unpack_from("=I", info, RTO_AT)[0]
            if select.select([], [connection], [], max(min(look, began + seconds) - now, 0))[1]:
                sent += connection.send(PIECE)
    return {"rto": rto / 1e6, "bytes": sent}


def main(command: str, protocol: str, *rest: str) -> None:
    if command == "take":
        print(json.dumps(take(PROTOCOLS[protocol], int(rest[0]))))
    else:
        print(json.dumps(send(PROTOCOLS[protocol], rest[0], int(rest[1]), float(rest[2]), float(rest[3]), rest[4])))


main(*sys.argv[1:])
