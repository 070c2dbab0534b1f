"""What every trial of the Trevi experiments must show: nothing failed, all bytes were right, nothing strange was believed.

Usage: whole.py OUTPUT   of liquidnet-trevi get or put. Prints {"failed": [...], "suspect": [...]}.
"""

from __future__ import annotations

import json
import sys

failed: list[str] = []
with open(sys.argv[1], encoding="utf-8") as file:
    result = json.load(file)
if result["failed"]:
    failed.append("a tract could not be read or written")
for counter in ("wrong_hash", "malformed", "foreign", "unasked", "wrong_size"):
    if result[counter]:
        failed.append(f"{counter}: {result[counter]}")
print(json.dumps({"failed": failed, "suspect": []}))
