"""Who attacks, and whom: a client and a server, an attacker off their path, a bystander whose address is abused.

    client ----a---- router ---b--- server
           --second--|    |---c--- attacker
                          |---d--- bystander

Use it alone: mn --custom topologies/threat.py --topo threat --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


class ThreatTopo(RoutedTopo):
    def layout(self, second: bool = True) -> None:
        routes = ["default via 10.0.1.254"] + (["default via 10.0.5.254 metric 10"] if second else [])
        self.host("client", *routes)
        self.host("server", "default via 10.0.2.254")
        self.router("router")
        self.router("attacker", "default via 10.0.3.254")
        self.host("bystander", "default via 10.0.4.254")
        for number, (name, link) in enumerate(
            (("client", "a"), ("server", "b"), ("attacker", "c"), ("bystander", "d")), start=1
        ):
            self.link(link, (name, f"10.0.{number}.1/24"), ("router", f"10.0.{number}.254/24"))
        if second:
            self.link("second", ("client", "10.0.5.1/24"), ("router", "10.0.5.254/24"))


topos = {"threat": ThreatTopo}
