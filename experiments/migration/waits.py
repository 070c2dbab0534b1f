"""How long a peer waited for a machine that moved: liquidnet-echo's JSON in, JSON out. Usage: waits.py FIRST_MOVE_S

before, after: median round trips until half a second before the first move, and of the last three seconds. longest: of all that were answered.
perturbation: from the first request whose answer took more than three times `before` to the last one. alive: 100 when every request was
answered, every byte came back as it went out and the connection did not end; else 0.
"""

from __future__ import annotations

import json
import statistics
import sys


def median(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


moved = float(sys.argv[1])
result = json.load(sys.stdin)
samples = [(s["at"], s["rtt"]) for s in result["samples"]]
last = max((at for at, _ in samples), default=0.0)
before = median([rtt for at, rtt in samples if at < moved - 0.5])
late = [at for at, rtt in samples if rtt > 3 * before]
whole = result["answered"] == result["sent"] and result["differing"] == 0 and result["ended"] is None
print(
    json.dumps(
        {
            "before_ms": before,
            "after_ms": median([rtt for at, rtt in samples if at > max(last - 3, moved)]),
            "longest_ms": max((rtt for _, rtt in samples), default=0.0),
            "perturbation_s": late[-1] - late[0] if late else 0.0,
            "answered_percent": 100 * result["answered"] / result["sent"],
            "differing": result["differing"],
            "alive": 100 if whole else 0,
            "ended": result["ended"],
        }
    )
)
