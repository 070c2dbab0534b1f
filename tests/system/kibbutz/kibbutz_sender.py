"""Sends what a device of the Mobile Kibbutz must not believe: with the right key but wrong fields, with wrong keys, of wrong
sizes; or, with --replay, what a capture holds. Usage: KEY_FILE|--replay CAPTURE, FROM, TO, PORT."""

from __future__ import annotations

import hashlib
import socket
import struct
import sys


def message(key: bytes, source: str, target: str, **fields: int) -> bytes:
    values = {"magic": 0x4B425A31, "type": 2, "reserved": 0, "life": 5, "challenge": 7, "echo": 9, "sequence": 1, "duration": 10000, **fields}
    body = struct.pack(
        "!IB3s4s4sQQQQI",
        values["magic"],
        values["type"],
        values["reserved"].to_bytes(3, "big"),
        socket.inet_aton(source),
        socket.inet_aton(target),
        values["life"],
        values["challenge"],
        values["echo"],
        values["sequence"],
        values["duration"],
    )
    return body + hashlib.blake2b(body, key=key, digest_size=32).digest()


def lies(key: bytes, source: str, target: str) -> list[bytes]:
    good = message(key, source, target)  # but for its echo, which is a guess
    wrong = [
        message(key, source, target, magic=0x4B425A32),
        message(key, source, target, type=3),
        message(key, source, target, reserved=1),
        message(key, source, target, duration=3600001),
        message(key, source, target, type=1, duration=1),
        message(key, target, source),
        message(key, source, "10.9.0.77"),
        message(bytes(32), source, target),
        good[:-1] + bytes([good[-1] ^ 1]),
        good + b"\0",
        good * 100,
    ]
    return [good[:size] for size in range(len(good))] + wrong + [good, good]


def payloads(path: str, port: int) -> list[bytes]:
    """UDP payloads to the port in a classic capture of Ethernet frames."""
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        if struct.unpack_from("!H", frame, 36)[0] == port:
            found.append(frame[42:])
        at += 16 + size
    return found


def main() -> None:
    arguments = sys.argv[1:]
    replay = arguments[0] == "--replay"
    path, source, target, port = arguments[1:] if replay else arguments
    if replay:
        messages = payloads(path, int(port))
    else:
        with open(path, encoding="ascii") as file:
            messages = lies(bytes.fromhex(file.read().strip()), source, target)
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind((source, 0))
    for one in messages:
        out.sendto(one, (target, int(port)))


main()
