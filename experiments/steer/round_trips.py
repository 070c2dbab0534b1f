"""What liquidnet-echo saw around the server's move at 25 s: JSON in, JSON out.

before, after: median round trips of 5..24 s and of 35..40 s. longest: of all that were answered. perturbation: from the first request sent at
24.9 s or later whose round trip is not within 10 % of the old level, to the first from which on 95 % of the requests are within 10 % (0.5 ms
at least) of the new level. A connection that ends is one whose requests are never answered: it has no new level, after and perturbation are 0.
"""

from __future__ import annotations

import json
import statistics
import sys


def near(value: float, level: float) -> bool:
    return abs(value - level) <= max(0.1 * level, 0.5)


result = json.load(sys.stdin)
samples = [(s["at"], s["rtt"]) for s in result["samples"]]
before = statistics.median(rtt for at, rtt in samples if 5 <= at < 24)
late = [rtt for at, rtt in samples if at >= 35]
after = statistics.median(late) if late else 0.0
begun = next((at for at, rtt in samples if at >= 24.9 and not near(rtt, before)), None)
perturbation = 0.0
if late and begun is not None:
    rest = [(at, rtt) for at, rtt in samples if at >= begun]
    good = 0
    for count, (at, rtt) in enumerate(reversed(rest), 1):
        good += near(rtt, after)
        if near(rtt, after) and good >= 0.95 * count:
            perturbation = at - begun
print(
    json.dumps(
        {
            "before_ms": before,
            "after_ms": after,
            "longest_ms": max(rtt for _, rtt in samples),
            "perturbation_s": perturbation,
            "answered_percent": 100 * result["answered"] / result["sent"],
            "ended": result["ended"],
        }
    )
)
