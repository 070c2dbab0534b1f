"""Who sends to whom in ecmp-ports, and by how many paths.

    ports.py send NODE NAME=ADDRESS... PROGRAM...   becomes the program, with the address of the host that NODE sends to as its last word
    ports.py probe NODE NAME=ADDRESS...             counts the paths to that host; prints {"paths": N, "several": 0 or 1, "routers": [...]}

A probe is a SYN to a closed port with few hops to live (as of paris-traceroute: ports and addresses stay the same, so all hops see one flow); the router where
these end says so (ICMP, time exceeded), the host itself answers with a reset. The second hop is a core router, or, within one edge, the host. Sixteen source ports:
two equal paths look like one once in 32,768 times.
"""

from __future__ import annotations

import json
import os
import random
import select
import socket
import struct
import sys
import time

EDGES = 4
PORTS = 16
HOP = 2
CLOSED = 9  # discard; nobody listens there
WAIT = 2.0  # s
SYN, RST = 0x02, 0x04
TIME_EXCEEDED = 11


def partner(node: str) -> str:
    edge, host = (int(part) for part in node[1:].split("."))
    if host == 0:
        return f"h{edge}.1"
    return f"h{(edge + host) % EDGES}.{0 if host == 1 else 2}"


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def probe_of(own: str, other: str, port: int, sequence: int) -> bytes:
    def segment(check: int) -> bytes:
        return struct.pack("!HHIIBBHHH", port, CLOSED, sequence, 0, 5 << 4, SYN, 1024, check, 0)

    pseudo = socket.inet_aton(own) + socket.inet_aton(other) + struct.pack("!BBH", 0, socket.IPPROTO_TCP, 20)
    return segment(checksum(pseudo + segment(0)))


def answered(packet: bytes, other: str, missing: set[int]) -> tuple[int, str] | None:
    """The port whose probe a packet is about, and who says so."""
    header = (packet[0] & 15) * 4
    sender = socket.inet_ntoa(packet[12:16])
    body = packet[header:]
    if packet[9] == socket.IPPROTO_TCP and len(body) >= 20 and sender == other and body[13] & RST:
        port = struct.unpack("!H", body[2:4])[0]
    elif packet[9] == socket.IPPROTO_ICMP and len(body) >= 36 and body[0] == TIME_EXCEEDED and socket.inet_ntoa(body[24:28]) == other:
        inner = body[8 + (body[8] & 15) * 4 :]
        port = struct.unpack("!H", inner[:2])[0] if len(inner) >= 4 and struct.unpack("!H", inner[2:4])[0] == CLOSED else 0
    else:
        return None
    return (port, sender) if port in missing else None


def probe(own: str, other: str, draws: random.Random) -> list[str]:
    missing = set(draws.sample(range(32768, 61000), PORTS))
    routers: set[str] = set()
    tcp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with tcp, icmp:
        tcp.bind((own, 0))
        tcp.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, HOP)
        until = time.monotonic() + WAIT
        for port in sorted(missing):
            tcp.sendto(probe_of(own, other, port, draws.getrandbits(32)), (other, 0))
        while missing and (left := until - time.monotonic()) > 0:
            for ready in select.select([tcp, icmp], [], [], left)[0]:
                found = answered(ready.recv(65536), other, missing)
                if found:
                    missing.discard(found[0])
                    routers.add(found[1])
    if missing:
        sys.exit(f"ports.py: no answer to {len(missing)} of {PORTS} probes to {other} within {WAIT} s; are there {HOP} hops?")
    return sorted(routers)


def main(command: str, node: str, *words: str) -> None:
    addresses = dict(word.split("=", 1) for word in words if word[0] == "h" and "=" in word)
    other = addresses[partner(node)]
    if command == "send":
        program = [*words[len(addresses) :], other]
        os.execvp(program[0], program)
    routers = probe(addresses[node], other, random.Random(node))
    print(json.dumps({"paths": len(routers), "several": int(len(routers) > 1), "routers": routers}))


main(*sys.argv[1:])
