"""Asks a tract server for tract 0 of a blob, and for its first symbols, and for nothing more; counts what comes.

Usage: asker.py ADDRESS GUID FIRST TIMES   puts the question so many times; prints the offers and symbols that came, or "closed".
"""

from __future__ import annotations

import socket
import struct
import sys

VERSION, GET, OFFER, FAILED = 3, 2, 5, 7
address, guid, first, times = sys.argv[1], bytes.fromhex(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
symbols = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
symbols.bind(("", 0))
connection = socket.create_connection((address, 7010))


def ask(session: int, tract: int, count: int) -> None:
    """Writes a get of the systematic code."""
    rest = struct.pack("!BBQ16sIHBBHI", VERSION, GET, session, guid, tract, symbols.getsockname()[1], 0, 1, count, 0)
    connection.sendall(struct.pack("!H", len(rest)) + rest)


for _ in range(times):
    ask(first, 0, first)
ask(first + 1, 1, 0)  # there is none: the answer shows that all before it has been answered
stream = connection.makefile("rb")
offers = 0
while True:
    head = stream.read(2)
    if len(head) < 2:
        print("closed")
        sys.exit()
    frame = stream.read(struct.unpack("!H", head)[0])
    if frame[1] == FAILED:
        break
    offers += frame[1] == OFFER
labels = []
symbols.setblocking(False)
try:
    while True:
        labels.append(struct.unpack("!I", symbols.recv(65536)[12:16])[0])
except BlockingIOError:
    pass
print("offers", offers, "symbols", len(labels), "labels", len(set(labels) & set(range(first))))
