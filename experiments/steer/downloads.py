"""One download after another, a connection each, for so many seconds. Usage: downloads.py URL BYTES SECONDS READY-FD; prints JSON: mean and
standard deviation of the seconds that a download took, of those begun at 10 s to 70 s, and at 80 s to 140 s; what failed or was cut."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import urllib.request

url, size, seconds, ready = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
os.write(ready, b"READY\n")
began = time.monotonic()
took: list[tuple[float, float]] = []
failed = 0
while (at := time.monotonic() - began) < seconds:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            failed += len(answer.read()) != size
    except OSError:
        failed += 1
        continue
    took.append((at, time.monotonic() - began - at))


def part(begin: float, end: float) -> dict[str, float]:
    values = [value for at, value in took if begin <= at < end]
    return {"n": len(values), "mean": statistics.mean(values), "sd": statistics.stdev(values)}


print(json.dumps({"before": part(10, 70), "after": part(80, 140), "failed": failed}))
