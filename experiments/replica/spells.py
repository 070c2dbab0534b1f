"""Makes a store three times as slow in the spells of figure 3.35 (rates.py has the same), by its control socket.

Usage: spells.py SOCKET TIMES   SOCKET of liquidnet-replica serve. Prints what the store answered.
"""

from __future__ import annotations

import socket
import sys
import time

SPELLS = [(8.0, 14.0), (17.0, 18.0), (21.0, 22.0)]


def tell(times: str) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(sys.argv[1])
        control.sendall(f"slow {times}\n".encode())
        control.shutdown(socket.SHUT_WR)
        while part := control.recv(4096):
            sys.stdout.write(part.decode())


began = time.monotonic()
for start, end in SPELLS:
    for at, times in ((start, sys.argv[2]), (end, "1")):
        time.sleep(max(0.0, began + at - time.monotonic()))  # a spell begins by the clock
        tell(times)
