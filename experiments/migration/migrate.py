"""Moves the machine by what the two hosts' control sockets offer. Usage: migrate.py A.control B.control MODE RATE AFTER_S

After so many seconds a is asked to migrate to b. Prints its answer as JSON, with what b tells once the machine has its address there.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from typing import Any

TAKEN_WITHIN_S = 10


def ask(path: str, command: str) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(command.encode() + b"\n")
        answer: dict[str, Any] = json.loads(s.makefile().readline())
    if not answer["ok"]:
        sys.exit(f"{command}: {answer['error']}")
    return answer


here, there, mode, rate, after = sys.argv[1:]
time.sleep(float(after))
answer = ask(here, f"migrate b {mode} {rate}")
end = time.monotonic() + TAKEN_WITHIN_S
while (status := ask(there, "status"))["taken_ms"] == 0:
    if time.monotonic() > end:
        sys.exit("the machine did not take its address at b")
    time.sleep(0.02)
answer["taken_ms"] = status["taken_ms"]
print(json.dumps(answer))
