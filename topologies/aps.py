"""A client that hears several access points, each with a wire of its own to the network where the server is.

    client --air1-- ap1 --wire1-- core --server-- server
           --air2-- ap2 --wire2--

Each air is a network of its own; whether the client has one radio for all of them is the links' matter (`medium`). Use it alone:
mn --custom topologies/aps.py --topo aps --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import Refused, RoutedTopo  # noqa: E402

POINTS_MAX = 9


class ApsTopo(RoutedTopo):
    def layout(self, points: int = 2) -> None:
        if not isinstance(points, int) or isinstance(points, bool) or not 1 <= points <= POINTS_MAX:
            raise Refused(f"aps: points={points} is out of range; write 1 to {POINTS_MAX}")
        numbers = range(1, points + 1)
        # The first access point is the default; a socket that is bound to another air finds that one's.
        self.host("client", *(f"default via 10.1.{i}.254 metric {i}" for i in numbers))
        for i in numbers:
            self.router(f"ap{i}", f"default via 10.2.{i}.254")
        self.router("core", *(f"10.1.{i}.0/24 via 10.2.{i}.1" for i in numbers))
        self.host("server", "default via 10.3.0.254")
        for i in numbers:
            self.link(f"air{i}", ("client", f"10.1.{i}.1/24"), (f"ap{i}", f"10.1.{i}.254/24"))
            self.link(f"wire{i}", (f"ap{i}", f"10.2.{i}.1/24"), ("core", f"10.2.{i}.254/24"))
        self.link("server", ("server", "10.3.0.1/24"), ("core", "10.3.0.254/24"))


topos = {"aps": ApsTopo}
