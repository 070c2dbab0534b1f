"""Figure 3.35: what two coordinators' rates for server 3 have in common. Waits until both logs reach END seconds.

Usage: rates.py LOG LOG END   logs of liquidnet-replica load. Prints JSON: correlation of the two moving medians (half a second), the median rate of answers
from s3 in the slow spells over that outside, the median rates that the coordinators allow themselves in and outside of them, the slow spells with a wait at a coordinator until a second after their end.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
import time

SPELLS = [(8.0, 14.0), (17.0, 18.0), (21.0, 22.0)]
WINDOW = 25  # of 20 ms


def read(path: str) -> list[tuple[float, float, float, int]]:
    with open(path, encoding="utf-8") as file:
        return [
            (float(row["seconds"]), float(row["rate"]), float(row["received"]), int(row["held"]))
            for row in csv.DictReader(file)
            if row["server"] == "3" and row["held"]
        ]


def await_end(path: str, end: float) -> None:
    while True:
        try:
            rows = read(path)
            if rows and rows[-1][0] >= end - 0.1:
                return
        except (OSError, ValueError, TypeError):
            pass  # a line is being written
        time.sleep(0.2)


def medians(rows: list[tuple[float, float, float, int]]) -> dict[int, float]:
    values = [row[1] for row in rows]
    return {round(rows[i][0] / 0.02): statistics.median(values[max(0, i - WINDOW) : i + 1]) for i in range(len(rows))}


logs = sys.argv[1:3]
for log in logs:
    await_end(log, float(sys.argv[3]))
both = [read(log) for log in logs]
first, second = (medians(rows) for rows in both)
common = sorted(t for t in first.keys() & second.keys() if t * 0.02 >= 3)
a, b = [first[t] for t in common], [second[t] for t in common]
slow = [row[2] for rows in both for row in rows if any(start + 0.5 <= row[0] < end for start, end in SPELLS)]
normal = [row[2] for rows in both for row in rows if row[0] >= 3 and not any(start <= row[0] < end + 1 for start, end in SPELLS)]
rate_slow = [row[1] for rows in both for row in rows if any(start + 0.5 <= row[0] < end for start, end in SPELLS)]
rate_normal = [row[1] for rows in both for row in rows if row[0] >= 3 and not any(start <= row[0] < end + 1 for start, end in SPELLS)]
waits = sum(any(row[3] and end - 0.5 <= row[0] < end + 1 for rows in both for row in rows) for _, end in SPELLS)
print(
    json.dumps(
        {
            "correlation": statistics.correlation(a, b),
            "slow_over_normal": statistics.median(slow) / statistics.median(normal),
            "rate_slow": statistics.median(rate_slow),
            "rate_normal": statistics.median(rate_normal),
            "spells_with_waits": waits,
        }
    )
)
