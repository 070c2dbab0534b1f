"""How the windows of two subflows grew, beside the formulas: growth.py ALGORITHM LOG.

The log has samples of `ss -tinHO`, each behind a line "at SECONDS". From the first sample in congestion avoidance on, the
formulas are integrated with the round-trip times that were measured; what each window comes to is compared with what it was.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

Windows = list[float]
WITHIN = 0.15  # of the growth
STEP_S = 0.001
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


def samples(path: str) -> Iterator[tuple[float, Windows, Windows]]:
    """Time, windows and round-trip times of the data connection's subflows, by local address."""
    for block in re.split(r"^at ", open(path, encoding="utf-8").read(), flags=re.M)[1:]:
        best: dict[str, tuple[int, float, float]] = {}
        time, *lines = block.splitlines()
        for line in lines:
            found = re.search(r"(10\.1\.\d\.1)(?:%\S+)?:\d+ .* rtt:([\d.]+)/.* cwnd:(\d+) ssthresh:12 .*bytes_acked:(\d+)", line)
            if found:
                one = (int(found[4]), float(found[3]), float(found[2]) / 1e3)
                best[found[1]] = max(best.get(found[1], one), one)
        if "retrans:" in block:
            sys.exit(f"there was a loss: {block}")
        if len(best) == 2 and all(one[0] > 100_000 for one in best.values()):
            order = [best[name] for name in sorted(best)]
            yield float(time), [one[1] for one in order], [one[2] for one in order]


def main(name: str, log: str) -> None:
    rule: Callable[[Windows, Windows, int], float] = {"reno": reno, "lia": lia, "olia": olia, "balia": balia}[name]
    taken = list(samples(log))
    taken = [one for one in taken if one[0] >= taken[0][0] + SETTLED_S]
    if len(taken) < 20:
        sys.exit(f"{len(taken)} samples of both subflows in congestion avoidance: too few")
    (began, first, _), (ended, last, _) = taken[0], taken[-1]
    rtt = [sum(one[2][i] for one in taken) / len(taken) for i in range(2)]
    w = list(first)
    for _ in range(int((ended - began) / STEP_S)):
        w = [w[i] + STEP_S * w[i] / rtt[i] * rule(w, rtt, i) for i in range(2)]
    wrong = False
    for i in range(2):
        got, due, turns = last[i] - first[i], w[i] - first[i], (ended - began) / rtt[i]
        print(f"{name}: path {i + 1}, {rtt[i] * 1e3:.1f} ms: window {first[i]:.0f} to {last[i]:.0f}, "
              f"{got / turns:.3f} segments a round trip, theory {due / turns:.3f}")
        wrong |= abs(got - due) > max(1.5, WITHIN * due)
    sys.exit(wrong)


main(*sys.argv[1:])
