"""Two hosts in two networks, between which a virtual machine moves; a link between them for its memory.

    client --access-- core --wan-- a
                        |---lan--- b
                                a --copy-- b

The machine's networks, 10.0.20.0/24 behind a and 10.0.30.0/24 behind b, are on no link: the hosts make them (liquidnet-vmhost).

Use it alone: mn --custom topologies/hosts.py --topo hosts --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class HostsTopo(RoutedTopo):
    def layout(self) -> None:
        self.host("client", "default via 10.0.1.254")
        self.router("core", "10.0.20.0/24 via 10.0.2.1", "10.0.30.0/24 via 10.0.3.1")
        self.router("a", "default via 10.0.2.254")
        self.router("b", "default via 10.0.3.254")
        self.link("access", ("client", "10.0.1.1/24"), ("core", "10.0.1.254/24"))
        self.link("wan", ("a", "10.0.2.1/24"), ("core", "10.0.2.254/24"))
        self.link("lan", ("b", "10.0.3.1/24"), ("core", "10.0.3.254/24"))
        self.link("copy", ("a", "10.0.9.1/24"), ("b", "10.0.9.2/24"))


topos = {"hosts": HostsTopo}
