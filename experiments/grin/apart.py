"""What separates a permutation of ten servers, packet by packet, from TCPs at rest: the packet simulator with one thing after the other switched off, over the model `tcp`.

    apart.py SEED...    the matrices of these seeds (a trial's record has its seed); GRIN0, GRIN1, GRIN2, 60 % active

Prints CSV: what is different, then for each net the median over the matrices; of each matrix the median of five phases.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from cells import ACKS, PHASES, ROOT

NETS = ("single", "grin1", "grin2")
SWITCHES = {
    "as the experiments": "",
    "acknowledgements overtake data": "acks=first",
    "they take no room either": "acks=free",
    "queues of 100 packets": "queue=100",
    "queues of 1000": "queue=1000",
    "queues without end": "queue=100000",
    "slow start without HyStart": "start=plain",
    "no slow start": "start=none",
    "bursts of two packets": "burst=2KB",
    "a receive window of 30 MB": "window=30MB",
    "own packets lost and not told": "full=lost",
    "NewReno": "control=reno",
    "five seconds": "length=5s measure=4s",
}


def rates(net: str, seed: str, endings: list[str]) -> list[float]:
    """The mean rate of a receiver for each ending of the scenario."""
    start = f"net={net} racks=1 size=10 cables=rounds subflows=0 shuffle=no pattern=permutation active=60% "
    command = [str(ROOT / "build/bin/liquidnet-grin-sim"), "--instances", "1", "--seed", seed, "--format", "csv"]
    out = subprocess.run(command + [start + ending for ending in endings], check=True, capture_output=True, text=True)
    return [float(line.split(",")[1]) for line in out.stdout.splitlines()[1:]]


def main(seeds: list[str]) -> None:
    if not seeds:
        sys.exit("apart.py: name the seeds of matrices: apart.py SEED...")
    print("what," + ",".join(NETS))
    rest = {(net, seed): rates(net, seed, [f"model=tcp acks={100 * ACKS:.2f}%"])[0] for net in NETS for seed in seeds}
    for name, words in SWITCHES.items():
        row = []
        for net in NETS:
            runs = [rates(net, seed, [f"model=packets {words} phase={phase}" for phase in range(PHASES)]) for seed in seeds]
            row.append(statistics.median(statistics.median(values) / rest[net, seed] for values, seed in zip(runs, seeds)))
        print(name + "," + ",".join(f"{value:.3f}" for value in row), flush=True)


main(sys.argv[1:])
