"""When the first connection to each port had its subflow across the detour, from a capture at the client.

Usage: first_subflow.py CAPTURE MOST   Prints {"failed": [...], "suspect": [...], "ports": {PORT: [ms to the SYN, ms to its SYN/ACK]}}: since
the SYN/ACK of the connection came. It failed where a subflow is missing, or that of port 5201 was not established within MOST ms.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

DETOUR, SERVER = "10.0.6.1", "10.0.3.1"
text = subprocess.run(["tcpdump", "-nn", "-tt", "-r", sys.argv[1], "tcp"], capture_output=True, text=True, check=True).stdout
came: dict[str, float] = {}
syn: dict[str, float] = {}
answer: dict[str, float] = {}
for line in text.splitlines():
    match = re.match(r"([\d.]+) IP (\S+)\.(\d+) > (\S+)\.(\d+): Flags \[(S\.?)\]", line)
    if not match:
        continue
    at, source, source_port, target, target_port, flags = match.groups()
    if flags == "S." and source == SERVER:
        came.setdefault(source_port, float(at))
    elif flags == "S" and target == DETOUR and target_port in came:
        syn.setdefault(target_port, float(at))
    elif flags == "S." and source == DETOUR and source_port in syn:
        answer.setdefault(source_port, float(at))
ports = {p: [round(1000 * (syn[p] - came[p]), 1), round(1000 * (answer[p] - came[p]), 1)] for p in came if p in answer}
failed = [f"no subflow for port {port}" for port in ("5202", "5201") if port not in ports]
if not failed and ports["5201"][1] > float(sys.argv[2]):
    failed.append(f"port 5201 had its subflow after {ports['5201'][1]} ms")
print(json.dumps({"failed": failed, "suspect": [], "ports": ports}))
