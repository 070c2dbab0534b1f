"""Looks at a trial of `threats` from outside: the capture at the attacker, beside what liquidnet-attack says of itself.

Usage: check.py TLS ATTACK.out CAPTURE ATTACKER-ADDRESS; TLS 1: what was stolen must not be readable. Prints {"failed": [...]}.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Iterator, NamedTuple

MPTCP, JOIN = 30, 1
SYN, ACK = 2, 16
WORD = b"liquid-threats"
ONE_BY_ONE = 20


class Segment(NamedTuple):
    source: tuple[str, int]
    destination: tuple[str, int]
    flags: int
    join: bool
    payload: bytes
    length: int


def joins(raw: bytes) -> bool:
    at = 0
    while at + 2 < len(raw) and raw[at] != 0:
        if raw[at] == 1:
            at += 1
            continue
        if raw[at] == MPTCP and raw[at + 2] >> 4 == JOIN:
            return True
        if raw[at + 1] < 2:
            return False
        at += raw[at + 1]
    return False


def segments(path: str) -> Iterator[Segment]:
    """TCP over IPv4 over Ethernet, of a pcap file."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        captured = struct.unpack(order + "I", data[at + 8 : at + 12])[0]
        frame = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        ip = frame[14:]
        tcp = ip[(ip[0] & 15) * 4 :]
        header = (tcp[12] >> 4) * 4
        ends = [(".".join(map(str, ip[12 + 4 * i : 16 + 4 * i])), struct.unpack("!H", tcp[2 * i : 2 * i + 2])[0]) for i in (0, 1)]
        length = struct.unpack("!H", ip[2:4])[0] - (ip[0] & 15) * 4 - header
        yield Segment(ends[0], ends[1], tcp[13], joins(tcp[20:header]), tcp[header:], length)


def faults(tls: bool, said: dict[str, object], come: list[Segment], own: str) -> Iterator[str]:
    mine = [s for s in come if s.destination[0] == own]
    asked = {(s.source, s.destination) for s in mine if s.flags & (SYN | ACK) == SYN and s.join}
    answered = {(s.source, s.destination) for s in mine if s.flags & (SYN | ACK) == SYN | ACK and s.join}
    brought = sum(s.length for s in mine)
    one_by_one = said["scenario"] not in ("flood", "amplify", "guess")
    if one_by_one and said["tries"] != ONE_BY_ONE:
        yield f"{said['tries']} connections were attacked, {ONE_BY_ONE} were promised"
    if said["not_sent"]:
        yield f"{said['not_sent']} packets did not go out"
    if said["scenario"] in ("announce", "takeover", "bad-answer") and said["joined"] != len(asked):
        yield f"{said['joined']} joins came by the program's word, {len(asked)} by the capture"
    if said["scenario"] in ("eavesdrop", "bad-ack") and said["joined"] != len(answered):
        yield f"{said['joined']} joins were answered by the program's word, {len(answered)} by the capture"
    if one_by_one and said["stolen_bytes"] > brought:
        yield f"{said['stolen_bytes']} bytes were stolen by the program's word, {brought} came by the capture"
    if said["scenario"] in ("eavesdrop", "takeover") and said["stolen_bytes"]:
        if tls == any(WORD in s.payload for s in mine):
            yield "what came to the attacker can be read" if tls else "what came to the attacker cannot be read"


with open(sys.argv[2], encoding="utf-8") as file:
    answer = json.load(file)
print(json.dumps({"failed": list(faults(sys.argv[1] == "1", answer, list(segments(sys.argv[3])), sys.argv[4]))}))
