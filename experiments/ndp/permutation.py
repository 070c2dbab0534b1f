"""Every host sends to one and receives from one, in a fat tree of k = 4: starts `liquidnet-ndp send` to the host that the seed gives this one.

    permutation.py NODE SEED TRANSPORT [OPTION...]

All hosts draw the same permutation, in which nobody has himself. NDP is given the addresses of all paths, TCP and Multipath TCP the one that is
reached over all.
"""

from __future__ import annotations

import os
import random
import sys

HOSTS = [(pod, edge, host) for pod in range(4) for edge in range(2) for host in range(2)]
PATHS = 4


def address(host: tuple[int, int, int], second: int) -> str:
    pod, edge, number = host
    return f"10.{second}.{pod}.{16 * edge + number}"


def permutation(seed: str) -> list[int]:
    draws = random.Random(seed)
    order = list(range(len(HOSTS)))
    while any(place == other for place, other in enumerate(order)):
        draws.shuffle(order)
    return order


def main(node: str, seed: str, transport: str, *options: str) -> None:
    pod, edge, host = (int(part) for part in node[1:].split("."))
    own = (pod, edge, host)
    other = HOSTS[permutation(seed)[HOSTS.index(own)]]
    paths = [64 + path for path in range(PATHS)] if transport == "ndp" else [128]
    where = ["--to", ",".join(address(other, second) for second in paths)]
    if transport == "ndp":
        where += ["--address", ",".join(address(own, second) for second in paths)]
    os.execvp("liquidnet-ndp", ["liquidnet-ndp", "send", "--transport", transport, *where, *options])


main(*sys.argv[1:])
