"""GRIN (Trilogy2 D1.2, section 3.3): servers at one switch, free ports of them joined by cables.

s1, s2, ... are 10.0.0.N/11 on their uplinks u1, u2, ...; `degree` cables of each are c1, c2, ... in rounds: the first N/2 join every server to one
other, the next N/2 to another, and so on (the circle method; with an odd number one server is left out in each round, another every time).
Addresses of cables here serve nothing: liquidnet-grin gives their ends those that say through whom.
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import Refused, RoutedTopo  # noqa: E402


def rounds(servers: int, degree: int) -> list[tuple[int, int]]:
    """Cables in their order."""
    even = servers + servers % 2
    cables = []
    for turn in range(degree):
        ring = [1] + [2 + (i + turn) % (even - 1) for i in range(even - 1)]
        pairs = [tuple(sorted((ring[i], ring[even - 1 - i]))) for i in range(even // 2)]
        cables += sorted(pair for pair in pairs if pair[1] <= servers)
    return cables


class GrinTopo(RoutedTopo):
    def layout(self, servers: int = 10, degree: int = 2) -> None:
        if not (2 <= servers <= 60 and 0 <= degree <= min(7, servers - 1)):
            raise Refused(f"servers={servers} degree={degree}: write 2 to 60 servers, and a degree of 0 to 7, less than servers")
        for i in range(1, servers + 1):
            self.router(f"s{i}")
        self.bridge("switch")
        for i in range(1, servers + 1):
            self.link(f"u{i}", (f"s{i}", f"10.0.0.{i}/11"), ("switch", f"198.18.0.{i}/32"))
        for number, (a, b) in enumerate(rounds(servers, degree), start=1):
            self.link(f"c{number}", (f"s{a}", f"198.18.{number}.1/30"), (f"s{b}", f"198.18.{number}.2/30"))


topos = {"grin": GrinTopo}
