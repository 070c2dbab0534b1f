"""Repeats every UDP datagram that comes to an address, and sends it once more as from another port, one byte of it changed.

Usage: forger.py INTERFACE ADDRESS FILE   writes FILE when it listens.
"""

from __future__ import annotations

import socket
import struct
import sys

interface, address, sign = sys.argv[1:4]
target = socket.inet_aton(address)
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
tap.bind((interface, 0x0800))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
with open(sign, "w", encoding="utf-8") as file:
    file.write("listening\n")
seen: set[bytes] = set()
while True:
    packet, origin = tap.recvfrom(65536)
    if origin[2] == socket.PACKET_OUTGOING or packet[9] != 17 or packet[16:20] != target or packet in seen:
        continue
    seen.add(packet)
    changed = bytearray(packet)
    changed[26:28] = b"\0\0"  # no checksum: what the packet has is for the interface to finish
    raw.sendto(bytes(changed), (address, 0))
    changed[20:22] = struct.pack("!H", 4444)  # the source port
    changed[-1] ^= 0xFF
    raw.sendto(bytes(changed), (address, 0))
