"""Looks at a trial of `redirect` from outside: the captures, not what liquidnet-steer says of itself.

Usage: check.py moved|stayed HOPS WITHIN_MS CLIENT.pcap CORE.pcap CLIENT.out

moved: HOPS waypoints, one after the other; nothing of the connection's payload passes the core a round trip after the reset,
and the steps took the time of the formula within WITHIN_MS (0: not asked). stayed: no announcement, no join, no reset.
Prints {"failed": [...]}.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Iterator, NamedTuple

MPTCP, CAPABLE, JOIN, ADD_ADDR = 30, 0, 1, 3
SYN, RST, ACK = 2, 4, 16
# One way, in milliseconds, as the experiment sets them: client to t, t to a waypoint, a waypoint to the server; all of t to server.
ACCESS, TO_M, FROM_M, CORE = 10.0, 25.0, 25.0, 25.0


class Segment(NamedTuple):
    time_ms: float
    source: str
    destination: str
    flags: int
    options: dict[int, bytes]  # of Multipath TCP, by subtype
    payload: bytes
    length: int


def options_of(raw: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(raw) and raw[at] != 0:
        if raw[at] == 1:
            at += 1
            continue
        if at + 1 >= len(raw) or raw[at + 1] < 2:
            break
        if raw[at] == MPTCP and raw[at + 1] >= 3:
            found[raw[at + 2] >> 4] = raw[at : at + raw[at + 1]]
        at += raw[at + 1]
    return found


def segments(path: str) -> Iterator[Segment]:
    """TCP over IPv4 over Ethernet, of a pcap file."""
    with open(path, "rb") as file:
        data = file.read()
    magic = struct.unpack("<I", data[:4])[0]
    order, unit = {0xA1B2C3D4: ("<", 1e-3), 0xA1B23C4D: ("<", 1e-6)}[magic]
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, _ = struct.unpack(order + "IIII", data[at : at + 16])
        frame = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        ip = frame[14:]
        header = (ip[0] & 15) * 4
        tcp = ip[header:]
        offset = (tcp[12] >> 4) * 4
        source, destination = (".".join(map(str, ip[i : i + 4])) for i in (12, 16))
        yield Segment(
            seconds * 1e3 + fraction * unit,
            source,
            destination,
            tcp[13],
            options_of(tcp[20:offset]),
            tcp[offset:],
            struct.unpack("!H", ip[2:4])[0] - header - offset,
        )


def moved(hops: int, within_ms: float, access: list[Segment], core: list[Segment]) -> Iterator[str]:
    announced = [s for s in access if len(s.options.get(ADD_ADDR, b"")) == 18 and s.destination == "10.0.1.1"]
    asked = [s for s in access if s.flags & SYN and not s.flags & ACK and JOIN in s.options]
    proven = [s for s in access if not s.flags & SYN and len(s.options.get(JOIN, b"")) == 24]
    resets = [s for s in core if s.flags & RST]
    word = [s for s in core if b"secure" in s.payload]
    if not word:
        yield "the word did not pass the core"
        return
    if len({s.destination for s in asked}) != hops or len({s.source for s in asked}) > 1:
        yield f"joins to {sorted({s.destination for s in asked})}, {hops} waypoints were promised"
    if not announced or not proven or not resets:
        yield f"{len(announced)} announcements, {len(proven)} joins, {len(resets)} resets on the core"
        return
    late = [s for s in core if s.length and s.time_ms > resets[0].time_ms + 2 * CORE]
    if late:
        yield f"{sum(s.length for s in late)} bytes on the old path a round trip after the reset"
    # From the word at t to the join's third packet leaving the client: an exchange with the waypoint, the announcement, a handshake
    # over the waypoint.
    formula = 2 * TO_M + ACCESS + 2 * (ACCESS + TO_M + FROM_M)
    took = proven[0].time_ms - word[0].time_ms
    if within_ms and abs(took - formula) > within_ms:
        yield f"the client joined {took:.3f} ms after the word passed t; the formula says {formula:.1f}"


def stayed(access: list[Segment], core: list[Segment]) -> Iterator[str]:
    for name, subtype in (("announcements", ADD_ADDR), ("joins", JOIN)):
        count = sum(subtype in s.options for s in access)
        if count:
            yield f"{count} {name} at the client"
    if not any(b"secure" in s.payload for s in core):
        yield "the word did not pass the core"


def main() -> None:
    what, hops, within_ms, access_path, core_path, output = sys.argv[1:]
    access, core = list(segments(access_path)), list(segments(core_path))
    failed = list(moved(int(hops), float(within_ms), access, core) if what == "moved" else stayed(access, core))
    with open(output, encoding="utf-8") as file:
        if not json.load(file)["same"]:
            failed.append("what the client got is not what the server has")
    print(json.dumps({"failed": failed}))


main()
