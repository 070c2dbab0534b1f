"""The schedule of `routes`: draws one, and says what could be had of it.

Usage: schedule.py draw SEED                 a world, as the YAML of a level: what the ten links are at first, and every 5 s from then on
       schedule.py oracle FILE WORLD BEGIN END   JSON: the goodput (Mbit/s) of the direct way and the best two detours at each moment
                                             (oracle), and of the best two that never change (best_static), from BEGIN to END seconds
       schedule.py pair FILE WORLD           the numbers of those two

What a detour carries is computed, not measured: its link's rate in frames, of which Multipath TCP has 1424 of 1514 bytes, or, where there is
loss, Reno's rate 1.22 MSS / (RTT sqrt(loss)), if that is less (RFC 9438, section 4.3: CUBIC's too, for so small a product of rate and
delay). The round trip is the path's own, without queues: 20 ms.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import sys

DETOURS, PERIOD, LENGTH = 10, 5, 65  # the trial's length, seconds
LEAST, MOST = 1.0, 20.0  # Mbit/s; as many below their geometric mean as above
LOSSES = ("0%", "0%", "0%", "0.5%", "2%")
DIRECT, RTT, MSS, FRAME = 1.0, 0.020, 1424, 1514

Route = tuple[float, float]  # Mbit/s, share lost


def draw(seed: int) -> str:
    source = random.Random(seed)

    def links(margin: str) -> str:
        items = []
        for i in range(1, DETOURS + 1):
            rate = LEAST * (MOST / LEAST) ** source.random()
            items.append(f"a{i}: {{rate: {rate:.2f}Mbit/s, loss: {source.choice(LOSSES)}}}")
        half = DETOURS // 2
        return f",\n{margin}".join([", ".join(items[:half]), ", ".join(items[half:])])

    text = f"    w{seed}:\n      value: {seed}\n      links:\n        {{{links(' ' * 9)}}}\n      changes:\n"
    for at in range(PERIOD, LENGTH, PERIOD):
        text += f"        - {{at: {at}s, links: {{{links(' ' * 12)}}}}}\n"
    return text


def read(path: str, world: str) -> list[list[Route]]:
    """Each period's routes. The file is as `draw` wrote it."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    match = re.search(rf"^    w{int(float(world))}:\n(.*?)(?=^    w\d+:|^\S|\Z)", text, re.M | re.S)
    if not match:
        raise SystemExit(f"{path}: no world {world}")
    found = re.findall(r"a(\d+): \{rate: ([\d.]+)Mbit/s, loss: ([\d.]+)%\}", match[1])
    periods = [found[i : i + DETOURS] for i in range(0, len(found), DETOURS)]
    if len(periods) != LENGTH // PERIOD or any([int(r[0]) for r in p] != list(range(1, DETOURS + 1)) for p in periods):
        raise SystemExit(f"{path}: world {world} is not as it was drawn")
    return [[(float(rate), float(loss) / 100) for _, rate, loss in period] for period in periods]


def carried(route: Route) -> float:
    rate, loss = route
    wire = rate * (1 - loss) * MSS / FRAME
    return min(wire, 1.22 * MSS * 8e-6 / (RTT * math.sqrt(loss))) if loss else wire


def best_pair(worlds: list[list[Route]]) -> tuple[int, int]:
    """By their places, of those that never change."""
    sums = [sum(carried(period[i]) for period in worlds) for i in range(DETOURS)]
    return max(itertools.combinations(range(DETOURS), 2), key=lambda pair: sums[pair[0]] + sums[pair[1]])


def main(words: list[str]) -> None:
    if words[:1] == ["draw"] and len(words) == 2:
        print(draw(int(words[1])), end="")
        return
    periods = read(words[1], words[2])
    if words[0] == "pair" and len(words) == 3:
        print(*(i + 1 for i in best_pair(periods[1:])))
        return
    if words[0] != "oracle" or len(words) != 5:
        raise SystemExit(__doc__)
    periods = periods[int(words[3]) // PERIOD : int(words[4]) // PERIOD]
    direct, (one, two) = carried((DIRECT, 0)), best_pair(periods)
    oracle = [direct + sum(sorted(map(carried, period))[-2:]) for period in periods]
    static = [direct + carried(period[one]) + carried(period[two]) for period in periods]
    print(json.dumps({"oracle": sum(oracle) / len(oracle), "best_static": sum(static) / len(static), "pair": [one + 1, two + 1]}))


if __name__ == "__main__":
    main(sys.argv[1:])
