"""The schedule of `routes`: draws one, and says what could be had of it.

Usage: schedule.py draw SEED                 a world, as the YAML of a level: what the ten links are at first, and every 5 s from then on
       schedule.py oracle FILE WORLD BEGIN END   JSON: the goodput (Mbit/s) of the direct way and the best two detours at each moment
                                             (oracle), and of the best two that never change (best_static), from BEGIN to END seconds
       schedule.py pair FILE WORLD           the numbers of those two
       schedule.py follow FILE WORLD SOCKET BEGAN   tells the client at that control socket the best two detours at each moment, at once (`use`);
                                             BEGAN: when the schedule began (CLOCK_REALTIME, seconds)

What a detour carries is computed, not measured: its link's rate in frames, of which Multipath TCP has 1424 of 1514 bytes, or, where there is
loss, what loss leaves to one TCP, if that is less: K MSS / (RTT sqrt(loss)). The round trip is the path's own, without queues: 20 ms. K is 0.6,
as subflows of this experiment were measured with CUBIC (4.0 to 5.5 Mbit/s with 0.5 %, 2.1 to 2.7 with 2 %); Reno's is 1.22 (RFC 9438, section
4.3), and what that gives is said as `reno`. Neither knows that TCP must begin.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import socket
import sys
import time

DETOURS, PERIOD, LENGTH = 10, 5, 65  # the trial's length, seconds
LEAST, MOST = 1.0, 20.0  # Mbit/s; as many below their geometric mean as above
LOSSES = ("0%", "0%", "0%", "0.5%", "2%")
DIRECT, RTT, MSS, FRAME = 1.0, 0.020, 1424, 1514
ONE_TCP, RENO = 0.6, 1.22

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


def carried(route: Route, k: float = ONE_TCP) -> float:
    rate, loss = route
    wire = rate * (1 - loss) * MSS / FRAME
    return min(wire, k * MSS * 8e-6 / (RTT * math.sqrt(loss))) if loss else wire


def best_pair(worlds: list[list[Route]]) -> tuple[int, int]:
    """By their places, of those that never change."""
    sums = [sum(carried(period[i]) for period in worlds) for i in range(DETOURS)]
    return max(itertools.combinations(range(DETOURS), 2), key=lambda pair: sums[pair[0]] + sums[pair[1]])


def tell(path: str, line: str) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(path)
        control.sendall(line.encode() + b"\n")
        control.shutdown(socket.SHUT_WR)
        answer = json.loads(control.makefile().readline())
    if answer.get("ok") is False:
        raise SystemExit(f"{path}: {line}: {answer['error']}")


def follow(periods: list[list[Route]], path: str, began: float) -> None:
    for i, period in enumerate(periods):
        time.sleep(max(0.0, began + i * PERIOD - time.time()))
        best = sorted(range(DETOURS), key=lambda n: carried(period[n]))[-2:]
        tell(path, " ".join(["use", *(f"d{n + 1}" for n in best)]))


def main(words: list[str]) -> None:
    if words[:1] == ["draw"] and len(words) == 2:
        print(draw(int(words[1])), end="")
        return
    periods = read(words[1], words[2])
    if words[0] == "pair" and len(words) == 3:
        print(*(i + 1 for i in best_pair(periods[1:])))
        return
    if words[0] == "follow" and len(words) == 5:
        follow(periods, words[3], float(words[4]))
        return
    if words[0] != "oracle" or len(words) != 5:
        raise SystemExit(__doc__)
    periods = periods[int(words[3]) // PERIOD : int(words[4]) // PERIOD]
    direct, (one, two) = carried((DIRECT, 0)), best_pair(periods)
    oracle = [direct + sum(sorted(map(carried, period))[-2:]) for period in periods]
    static = [direct + carried(period[one]) + carried(period[two]) for period in periods]
    reno = [direct + sum(sorted(carried(route, RENO) for route in period)[-2:]) for period in periods]
    print(json.dumps({"oracle": sum(oracle) / len(oracle), "reno": sum(reno) / len(reno), "best_static": sum(static) / len(static), "pair": [one + 1, two + 1]}))


if __name__ == "__main__":
    main(sys.argv[1:])
