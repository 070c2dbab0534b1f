"""A client, and a machine that moves between two networks: one of its links is there at a time.

    client --access-- core --near-- vm
                        |----far----|

Use it alone: mn --custom topologies/move.py --topo move --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class MoveTopo(RoutedTopo):
    def layout(self) -> None:
        self.host("client", "default via 10.0.1.254")
        self.router("core")
        self.host("vm", "default via 10.0.2.254")
        self.link("access", ("client", "10.0.1.1/24"), ("core", "10.0.1.254/24"))
        self.link("far", ("vm", "10.0.2.1/24"), ("core", "10.0.2.254/24"))
        self.link("near", ("vm", "10.0.3.1/24"), ("core", "10.0.3.254/24"))


topos = {"move": MoveTopo}
