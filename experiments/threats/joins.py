"""A client whose connections live, and that joins each by a second address, one after the other, while somebody attacks.

Usage: joins.py ADDRESS PORT CONNECTIONS SECOND INTERFACE BEGIN_MS EVERY_MS READY-FD

The connections are there first. BEGIN_MS after the last of them the first join is asked for (net.mptcp.pm_type must be 1), then one
every EVERY_MS; last, a connection of plain TCP. Prints JSON: joins asked for; milliseconds of the new connection, 1000 if there was none.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time

MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1
GENERIC, ACK, REQUEST, ERROR, CONTROL, GET_FAMILY = 16, 4, 1, 2, 16, 3
FAMILY_ID, FAMILY_NAME = 1, 2
SUBFLOW_CREATE = 10
LOCAL, TOKEN, REMOTE = 1, 4, 6
FAMILY, ID, ADDRESS4, PORT, INDEX = 1, 2, 3, 5, 7
NESTED = 0x8000
PATIENCE_S = 1.0

address, port, connections, second, interface = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
begin_s, every_s, ready = int(sys.argv[6]) / 1000, int(sys.argv[7]) / 1000, int(sys.argv[8])


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def ask(netlink: socket.socket, family: int, command: int, attributes: bytes) -> bytes:
    """One request of generic netlink; what came before its acknowledgement."""
    body = struct.pack("=BBH", command, 1, 0) + attributes
    netlink.send(struct.pack("=IHHII", 16 + len(body), family, REQUEST | ACK, 1, 0) + body)
    answer = b""
    while True:
        data = netlink.recv(65536)
        while data:
            length, kind = struct.unpack("=IH", data[:6])
            if kind == ERROR:
                fault = -struct.unpack("=i", data[16:20])[0]
                if fault:
                    raise OSError(fault, os.strerror(fault))
                return answer
            answer, data = data[16:length], data[(length + 3) & ~3 :]


def path_manager(netlink: socket.socket) -> int:
    answer = ask(netlink, CONTROL, GET_FAMILY, attribute(FAMILY_NAME, b"mptcp_pm\0"))[4:]
    while True:
        length, kind = struct.unpack("=HH", answer[:4])
        if kind == FAMILY_ID:
            return struct.unpack("=H", answer[4:6])[0]
        answer = answer[(length + 3) & ~3 :]


def connect() -> socket.socket:
    """A connection over which something has come: only then can it be joined."""
    stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP)
    stream.settimeout(10)
    stream.connect((address, port))
    stream.sendall(b"x")
    stream.recv(1)
    return stream


def token(stream: socket.socket) -> bytes:
    return stream.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)[12:16]


def end(kind: int, where: str, more: bytes) -> bytes:
    family = attribute(FAMILY, struct.pack("=H", socket.AF_INET))
    return attribute(kind | NESTED, family + attribute(ADDRESS4, socket.inet_aton(where)) + more)


def new_ms() -> float:
    began = time.monotonic()
    try:
        with socket.create_connection((address, port), PATIENCE_S) as stream:
            stream.sendall(b"x")
            stream.settimeout(PATIENCE_S)
            stream.recv(1)
    except OSError:
        return PATIENCE_S * 1000
    return (time.monotonic() - began) * 1000


streams = [connect() for _ in range(connections)]
due = time.monotonic() + begin_s
os.write(ready, b"READY\n")
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC) as netlink:
    family = path_manager(netlink)
    for stream in streams:
        time.sleep(max(0.0, due - time.monotonic()))
        due += every_s
        local = attribute(ID, b"\5") + attribute(INDEX, struct.pack("=i", socket.if_nametoindex(interface)))
        ask(
            netlink,
            family,
            SUBFLOW_CREATE,
            end(LOCAL, second, local)
            + attribute(TOKEN, token(stream))
            + end(REMOTE, address, attribute(PORT, struct.pack("=H", port))),
        )
time.sleep(max(0.0, due - time.monotonic()))  # the last join's turn
took = new_ms()
with socket.create_connection((address, port + 1), 10):
    pass
print(json.dumps({"tries": connections, "unharmed": connections, "received": 0, "new_ms": took, "ends": []}))
