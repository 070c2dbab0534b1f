"""What every trial of the replica experiments must show: all requests were answered, with the right bytes, and on time for the load's own clock.

Usage: whole.py OUTPUT...   outputs of liquidnet-replica load. Prints {"failed": [...], "suspect": [...]}.
"""

from __future__ import annotations

import json
import sys

failed: list[str] = []
suspect: list[str] = []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    for counter in ("failed", "foreign", "malformed", "wrong", "absent", "busy"):
        if result[counter]:
            failed.append(f"{path}: {result[counter]} requests {counter}")
    if not result["samples"]:
        failed.append(f"{path}: no read was answered in the window")
    if result["overdue"] > 0.01 * len(result["samples"]):
        suspect.append(f"{path}: {result['overdue']} requests were made more than 2 ms after they were due: the machine is too slow for this load")
print(json.dumps({"failed": failed, "suspect": suspect}))
