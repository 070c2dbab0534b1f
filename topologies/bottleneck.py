"""One bottleneck: a host with four links and a host with one on its left side, a server for each on its right.

    multi --m1--\\                                /--server-- server
          --m2-- left ======shared====== right --
          --m3--                                \\--sink-- sink
          --m4--/
    single --s--/

What `multi` sends to `server`, over one to four addresses, meets what `single` sends to `sink` on `shared` only.

Use it alone: mn --custom topologies/bottleneck.py --topo bottleneck --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class BottleneckTopo(RoutedTopo):
    def layout(self) -> None:
        # A subflow that is bound to one of the links finds its way by the route over that link.
        self.host("multi", *(f"default via 10.1.{n}.254 metric {n}" for n in range(1, 5)))
        self.host("single", "default via 10.1.9.254")
        self.router("left", "default via 10.2.0.2")
        self.router("right", "default via 10.2.0.1")
        self.host("server", "default via 10.3.1.254")
        self.host("sink", "default via 10.3.2.254")
        for n in range(1, 5):
            self.link(f"m{n}", ("multi", f"10.1.{n}.1/24"), ("left", f"10.1.{n}.254/24"))
        self.link("s", ("single", "10.1.9.1/24"), ("left", "10.1.9.254/24"))
        self.link("shared", ("left", "10.2.0.1/24"), ("right", "10.2.0.2/24"))
        self.link("server", ("server", "10.3.1.1/24"), ("right", "10.3.1.254/24"))
        self.link("sink", ("sink", "10.3.2.1/24"), ("right", "10.3.2.254/24"))


topos = {"bottleneck": BottleneckTopo}
