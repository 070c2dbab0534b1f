"""A client behind an access link, a relay, a server behind a backbone link:

    client --access-- relay --backbone-- server

Use it alone: mn --custom topologies/relay.py --topo relay --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class RelayTopo(RoutedTopo):
    def layout(self) -> None:
        self.host("client", "default via 10.1.1.2")
        self.router("relay")
        self.host("server", "default via 10.1.2.1")
        self.link("access", ("client", "10.1.1.1/24"), ("relay", "10.1.1.2/24"))
        self.link("backbone", ("relay", "10.1.2.1/24"), ("server", "10.1.2.2/24"))


topos = {"relay": RelayTopo}
