"""A box on the path, t, and waypoints beside it:

    client --access-- t ---------core--------- server
                      |--to-m--- m ---from-m------|
                      |--to-m2-- m2 --from-m2-----|    (waypoints=2)

Use it alone: mn --custom topologies/waypoint.py --topo waypoint --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class WaypointTopo(RoutedTopo):
    def layout(self, waypoints: int = 1) -> None:
        names = ["m"] + [f"m{i}" for i in range(2, waypoints + 1)]
        self.host("client", "default via 10.0.1.254")
        self.router("t")
        self.host("server", "default via 10.0.2.254")
        for i, name in enumerate(names):
            self.router(name, f"10.0.1.0/24 via 10.0.{3 + 2 * i}.254", f"10.0.2.0/24 via 10.0.{4 + 2 * i}.1")
        self.link("access", ("client", "10.0.1.1/24"), ("t", "10.0.1.254/24"))
        self.link("core", ("t", "10.0.2.254/24"), ("server", "10.0.2.1/24"))
        for i, name in enumerate(names):
            near, far = 3 + 2 * i, 4 + 2 * i
            self.link(f"to-{name}", ("t", f"10.0.{near}.254/24"), (name, f"10.0.{near}.1/24"))
            self.link(f"from-{name}", (name, f"10.0.{far}.254/24"), ("server", f"10.0.{far}.1/24"))


topos = {"waypoint": WaypointTopo}
