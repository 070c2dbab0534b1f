"""How the windows of two subflows grew, beside the formulas: growth.py ALGORITHM LOG.

The log has samples of `ss -tinHO`, each behind a line "at SECONDS". Between one sample and the next each formula says what a window
gains for the segments that were acknowledged (and not for the time that went by: the scheduler may leave a subflow idle); the sum
over all samples in congestion avoidance is compared with what the window gained.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

Windows = list[float]
WITHIN = 0.05  # of the growth
SETTLED_S = 1.0  # both subflows are there, and congestion avoidance has begun


def reno(w: Windows, _: Windows, i: int) -> float:
    return 1 / w[i]


def lia(w: Windows, rtt: Windows, i: int) -> float:
    rate = sum(a / b for a, b in zip(w, rtt))
    return min(max(a / b**2 for a, b in zip(w, rtt)) / rate**2, 1 / w[i])


def olia(w: Windows, rtt: Windows, i: int) -> float:
    # Without losses the path of the shorter round trip is the best and has the largest window: nothing is moved.
    return w[i] / rtt[i] ** 2 / sum(a / b for a, b in zip(w, rtt)) ** 2


def balia(w: Windows, rtt: Windows, i: int) -> float:
    x = [a / b for a, b in zip(w, rtt)]
    a = max(x) / x[i]
    return x[i] / rtt[i] / sum(x) ** 2 * (1 + a) / 2 * (4 + a) / 5


def samples(path: str) -> Iterator[tuple[float, Windows, Windows, Windows]]:
    """Time, and windows, round-trip times and acknowledged segments of the data connection's subflows, by local address."""
    pattern = r"(10\.1\.\d\.1)(?:%\S+)?:\d+ .* rtt:([\d.]+)/.* mss:(\d+) .* cwnd:(\d+) ssthresh:12 .*bytes_acked:(\d+)"
    for block in re.split(r"^at ", open(path, encoding="utf-8").read(), flags=re.M)[1:]:
        best: dict[str, tuple[float, float, float]] = {}
        time, *lines = block.splitlines()
        for found in (re.search(pattern, line) for line in lines):
            if found:
                one = (int(found[5]) / int(found[3]), float(found[4]), float(found[2]) / 1e3)
                best[found[1]] = max(best.get(found[1], one), one)
        if "retrans:" in block:
            sys.exit(f"there was a loss: {block}")
        if len(best) == 2 and all(one[0] > 50 for one in best.values()):
            order = [best[name] for name in sorted(best)]
            yield float(time), [one[1] for one in order], [one[2] for one in order], [one[0] for one in order]


def main(name: str, log: str) -> None:
    rule: Callable[[Windows, Windows, int], float] = {"reno": reno, "lia": lia, "olia": olia, "balia": balia}[name]
    taken = list(samples(log))
    taken = [one for one in taken if one[0] >= taken[0][0] + SETTLED_S]
    if len(taken) < 20:
        sys.exit(f"{len(taken)} samples of both subflows in congestion avoidance: too few")
    wrong = False
    for i in range(2):
        due = turns = 0.0
        for (_, w, rtt, acked), (*_, later) in zip(taken, taken[1:]):
            due += (later[i] - acked[i]) * rule(w, rtt, i)
            turns += (later[i] - acked[i]) / w[i]
        first, last, rtt_ms = taken[0][1][i], taken[-1][1][i], 1e3 * sum(one[2][i] for one in taken) / len(taken)
        print(f"{name}: path {i + 1}, {rtt_ms:.1f} ms: window {first:.0f} to {last:.0f} in {turns:.0f} round trips, "
              f"{(last - first) / turns:.3f} segments a round trip, theory {due / turns:.3f}")
        wrong |= abs(last - first - due) > max(1.5, WITHIN * due)
    sys.exit(wrong)


main(*sys.argv[1:])
