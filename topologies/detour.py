"""The network of S. Brennan's thesis (2017), figure 5.1: client and server with two disjoint core paths, a detour host behind
the second one. The default path is link 2; the detour is reached over link 4 from the client and link 5 from the server.

    client --link1-- r1 ---------link2--------- r2 --link3-- server
                      \\                        /
                       link4 -------- r3 -- link5
                                      |
                                    link6
                                      |
                                    detour

ipv6: whether every address and route has a twin of IPv6, fd00:N::M for 10.0.N.M.

Use it alone: mn --custom topologies/detour.py --topo detour --controller none
"""

from __future__ import annotations

import os
import re
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import RoutedTopo  # noqa: E402


def twin(text: str) -> str:
    """An address, a network or a route of this topology, of IPv6."""
    return re.sub(r"10\.0\.(\d)\.(\d)(/24)?", lambda m: f"fd00:{m[1]}::{m[2].strip('0')}{'/64' if m[3] else ''}", text)


class DetourTopo(RoutedTopo):
    def layout(self, ipv6: bool = False) -> None:
        def both(*texts: str) -> tuple[str, ...]:
            return texts + tuple(twin(text) for text in texts if ipv6)

        self.host("client", *both("default via 10.0.1.2"))
        self.router("r1", *both("10.0.3.0/24 via 10.0.2.2", "10.0.5.0/24 via 10.0.4.2", "10.0.6.0/24 via 10.0.4.2"))
        self.router("r2", *both("10.0.1.0/24 via 10.0.2.1", "10.0.4.0/24 via 10.0.5.1", "10.0.6.0/24 via 10.0.5.1"))
        self.router("r3", *both("10.0.1.0/24 via 10.0.4.1", "10.0.2.0/24 via 10.0.4.1", "10.0.3.0/24 via 10.0.5.2"))
        self.router("detour", *both("default via 10.0.6.2"))
        self.host("server", *both("default via 10.0.3.2"))
        for name, left, right in (
            ("link1", ("client", "10.0.1.1/24"), ("r1", "10.0.1.2/24")),
            ("link2", ("r1", "10.0.2.1/24"), ("r2", "10.0.2.2/24")),
            ("link3", ("server", "10.0.3.1/24"), ("r2", "10.0.3.2/24")),
            ("link4", ("r1", "10.0.4.1/24"), ("r3", "10.0.4.2/24")),
            ("link5", ("r3", "10.0.5.1/24"), ("r2", "10.0.5.2/24")),
            ("link6", ("detour", "10.0.6.1/24"), ("r3", "10.0.6.2/24")),
        ):
            self.link(name, *((node, *both(address)) for node, address in (left, right)))


topos = {"detour": DetourTopo}
