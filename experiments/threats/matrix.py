"""The table of attacks and defences, of a run of `threats`, in Markdown. Usage: matrix.py RESULTS; `results/threats/latest` is the last run.

First attack x defence: how many of how many tries succeeded. Then, for each attack, what it had to know, and the defence against which it
did best: its share with Wilson's interval of 95 %, packets per try (of a flood: in all), milliseconds to success, bytes that came to the attacker.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any

Z = 1.959963984540054


def interval(k: int, n: int) -> tuple[float, float]:
    """Wilson's."""
    share, squared = k / n, Z * Z / n
    middle = (share + squared / 2) / (1 + squared)
    half = Z * math.sqrt(share * (1 - share) / n + squared / (4 * n)) / (1 + squared)
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def name_of(trial: dict[str, Any]) -> str:
    parts = (f"{trial['trial']:04}", trial["configuration"], trial["procedure"], str(trial["attempt"]))
    return os.path.join(sys.argv[1], "trials", "-".join(parts), "attack.out")


def cells() -> dict[str, dict[str, dict[str, Any]]]:
    """Procedure -> configuration -> what its trials that count say together."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    with open(os.path.join(sys.argv[1], "trials.jsonl"), encoding="utf-8") as file:
        for trial in map(json.loads, file):
            if trial["status"] not in ("valid", "suspect"):
                continue
            measures = trial["measures"]
            cell = table.setdefault(trial["procedure"], {}).setdefault(trial["configuration"], {"k": 0, "n": 0, "said": []})
            cell["k"] += round(measures["succeeded"])
            cell["n"] += round(measures["tries"])
            cell["measures"] = measures
            with open(name_of(trial), encoding="utf-8") as said:
                cell["said"].append(json.load(said))
    return table


def in_words(cell: dict[str, Any]) -> str:
    if not cell["n"]:
        return f"{cell['measures']['half_open']:.0f} half open"
    return f"{cell['k']}/{cell['n']}"


def detail(procedure: str, row: dict[str, dict[str, Any]]) -> str:
    best = max(row, key=lambda name: (row[name]["k"], -list(row).index(name)))
    cell = row[best]
    said = cell["said"][0]
    low, high = interval(cell["k"], cell["n"]) if cell["n"] else (0.0, 1.0)
    packets = said["packets_per_try"] or said["packets"]
    took = f"{said['took_ms']:.1f}" if said["succeeded"] else ""
    knows = ", ".join(said["knows"]) or "nothing"
    share = f"{in_words(cell)}, {100 * low:.0f} to {100 * high:.0f} %" if cell["n"] else in_words(cell)
    return f"| {procedure} | {knows} | {best} | {share} | {packets:.0f} | {took} | {said['stolen_bytes'] or ''} |"


table = cells()
defences = list(dict.fromkeys(name for row in table.values() for name in row))
known = "default accept accept-ingress accept-tls cookies-off cookies-always limit-0 flag-c ingress tls".split()
defences.sort(key=lambda name: known.index(name) if name in known else len(known))
print("| attack | " + " | ".join(defences) + " |\n|" + "---|" * (len(defences) + 1))
for procedure in sorted(table):
    print(f"| {procedure} | " + " | ".join(in_words(table[procedure][d]) if d in table[procedure] else "" for d in defences) + " |")
print("\n| attack | it knows | best against | succeeded | packets per try | ms | bytes stolen |\n|---|---|---|---|---|---|---|")
for procedure in sorted(table):
    print(detail(procedure, {d: table[procedure][d] for d in defences if d in table[procedure]}))
