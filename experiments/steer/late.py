"""A client whose connection is older than the box that would move it: it asks for something first, and for the word's page when
liquidnet-steer runs. Usage: late.py ADDRESS CONTROL-SOCKET READY-FD; prints JSON."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
import time

address, control, ready = sys.argv[1:]


def ask(connection: http.client.HTTPConnection, path: str, size: int) -> bytes:
    connection.request("GET", path, headers={"Range": f"bytes=0-{size - 1}"})
    return connection.getresponse().read()


def status() -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(control)
        peer.sendall(b"status\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += peer.recv(65536)
    return json.loads(answer)


connection = http.client.HTTPConnection(address, 80, timeout=30)
ask(connection, "/first.bin", 1000)
os.write(int(ready), b"READY\n")
while not os.path.exists(control):
    time.sleep(0.01)
status()  # is answered from the moment on at which steer runs
began = time.monotonic()
parts = [ask(connection, "/secure.bin", 200000) for _ in range(5)]
total = time.monotonic() - began
with open(os.path.join(os.path.dirname(control), "www/secure.bin"), "rb") as file:
    expected = file.read(200000)
time.sleep(1)  # more than a redirection takes
print(json.dumps({"same": int(all(part == expected for part in parts)), "steer": status(), "curl": {"time_total": total}}))
