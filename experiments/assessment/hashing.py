"""What random hashing leads to expect of ecmp-ports: the mean rate of the pairs of two edges, in rates of a link, for connections of k subflows.

    hashing.py            prints CSV: subflows, mean, standard error (0: exact), least (the mean of the worst pair's)

Each subflow takes a core at random. Rates are max-min fair among subflows, over the links of hosts and between edges and cores: congestion controls that are not coupled
and see one round trip. One and two subflows are counted out (256 and 6,561 cases of as many weights); more are drawn, 20,000 times.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import defaultdict

EDGES = 4
CORES = 2
DRAWS = 20000
PAIRS = [(edge, host, (edge + host) % EDGES) for edge in range(EDGES) for host in (1, 2)]


def rates(split: tuple[int, ...], subflows: int) -> list[float]:
    """Of each pair, of whose subflows split[pair] take core 0. Subflows of a pair over one core have one rate."""
    classes = []  # [pair, how many, links]
    for pair, (edge, host, other) in enumerate(PAIRS):
        for core, many in ((0, split[pair]), (1, subflows - split[pair])):
            if many:
                classes.append((pair, many, (f"h{edge}.{host}", f"to{other}.{host}", f"u{edge}.{core}", f"d{other}.{core}")))
    left: dict[str, float] = defaultdict(lambda: 1.0)
    total = [0.0] * len(PAIRS)
    while classes:
        load: dict[str, int] = defaultdict(int)
        for _, many, links in classes:
            for link in links:
                load[link] += many
        step, narrow = min((left[link] / many, link) for link, many in load.items())
        for pair, many, links in classes:
            if narrow in links:
                total[pair] += many * step
                for link in links:
                    left[link] -= many * step
        classes = [one for one in classes if narrow not in one[2]]
    return total


def exact(subflows: int) -> tuple[float, float, float]:
    mean = least = 0.0
    weights = [math.comb(subflows, n) / CORES**subflows for n in range(subflows + 1)]
    for split in itertools.product(range(subflows + 1), repeat=len(PAIRS)):
        chance = math.prod(weights[n] for n in split)
        found = rates(split, subflows)
        mean += chance * statistics.mean(found)
        least += chance * min(found)
    return mean, 0.0, least


def drawn(subflows: int) -> tuple[float, float, float]:
    draws = random.Random(subflows)
    found = [rates(tuple(draws.getrandbits(subflows).bit_count() for _ in PAIRS), subflows) for _ in range(DRAWS)]
    means = [statistics.mean(one) for one in found]
    return statistics.mean(means), statistics.stdev(means) / math.sqrt(DRAWS), statistics.mean(min(one) for one in found)


def main() -> None:
    print("subflows,mean,error,least")
    for subflows in (1, 2, 4, 8):
        mean, error, least = exact(subflows) if subflows <= 2 else drawn(subflows)
        print(f"{subflows},{mean:.4f},{error:.4f},{least:.4f}")


main()
