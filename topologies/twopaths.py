"""A client and a server with two disjoint paths, IPv4 and IPv6; a third host sends through the first of them.

    client --a1-- ra --a2-- server
    client --b1-- rb --b2-- server         cross --x-- ra

Use it alone: mn --custom topologies/twopaths.py --topo twopaths --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class TwoPathsTopo(RoutedTopo):
    def layout(self) -> None:
        self.host(
            "client",
            "default via 10.1.1.2",
            "10.2.2.0/24 via 10.2.1.2",
            "default via fd00:a1::2",
            "fd00:b2::/64 via fd00:b1::2",
        )
        self.router("ra")
        self.router("rb")
        self.host(
            "server",
            "default via 10.1.2.2",
            "10.2.1.0/24 via 10.2.2.2",
            "default via fd00:a2::2",
            "fd00:b1::/64 via fd00:b2::2",
        )
        self.host("cross", "default via 10.1.3.2", "default via fd00:c::2")
        self.link("a1", ("client", "10.1.1.1/24", "fd00:a1::1/64"), ("ra", "10.1.1.2/24", "fd00:a1::2/64"))
        self.link("a2", ("ra", "10.1.2.2/24", "fd00:a2::2/64"), ("server", "10.1.2.1/24", "fd00:a2::1/64"))
        self.link("b1", ("client", "10.2.1.1/24", "fd00:b1::1/64"), ("rb", "10.2.1.2/24", "fd00:b1::2/64"))
        self.link("b2", ("rb", "10.2.2.2/24", "fd00:b2::2/64"), ("server", "10.2.2.1/24", "fd00:b2::1/64"))
        self.link("x", ("cross", "10.1.3.1/24", "fd00:c::1/64"), ("ra", "10.1.3.2/24", "fd00:c::2/64"))


topos = {"twopaths": TwoPathsTopo}
