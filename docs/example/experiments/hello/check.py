"""The check of the example: no answer may be sooner than the server waits. Prints what a check prints."""

import json
import sys

wait_s, *outputs = float(sys.argv[1]) / 1e6, *sys.argv[2:]
early = [path for path in outputs for rtt in json.load(open(path))["rtts"] if rtt < wait_s]
print(json.dumps({"failed": [f"{len(early)} answers came too soon"] if early else []}))
