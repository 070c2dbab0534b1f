"""Two clients, and two servers of which the first is known:

    c1 --c1-- core --f1-- f1
    c2 --c2--|    |--f2-- f2

f2 has a second address, `own`, by which clients may reach it without f1.

Use it alone: mn --custom topologies/front.py --topo front --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class FrontTopo(RoutedTopo):
    def layout(self) -> None:
        self.router("core", "10.0.5.1/32 via 10.0.4.1")
        for name, network in (("c1", 1), ("c2", 2)):
            self.host(name, f"default via 10.0.{network}.254")
            self.link(name, (name, f"10.0.{network}.1/24"), ("core", f"10.0.{network}.254/24"))
        self.router("f1", "default via 10.0.3.254")
        self.host("f2", "default via 10.0.4.254")
        self.link("f1", ("f1", "10.0.3.1/24"), ("core", "10.0.3.254/24"))
        self.link("f2", ("f2", "10.0.4.1/24"), ("core", "10.0.4.254/24"))
        self.address("f2", "own", "10.0.5.1/32")


topos = {"front": FrontTopo}
