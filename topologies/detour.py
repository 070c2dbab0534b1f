"""The network of S. Brennan's thesis (2017), figure 5.1: client and server with two disjoint core paths, a detour host behind
the second one.

    client --link1-- r1 ---------link2--------- r2 --link3-- server
                      \\                        /
                       link4 -------- r3 -- link5
                                      |
                                    link6
                                      |
                                    detour

Use it alone: mn --custom topologies/detour.py --topo detour --controller none
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from links import RoutedTopo  # noqa: E402


class DetourTopo(RoutedTopo):
    NODES = {
        "client": {"routes": ["default via 10.0.1.2"]},
        "r1": {"forward": True, "routes": ["10.0.3.0/24 via 10.0.2.2", "10.0.5.0/24 via 10.0.4.2", "10.0.6.0/24 via 10.0.4.2"]},
        "r2": {"forward": True, "routes": ["10.0.1.0/24 via 10.0.2.1", "10.0.4.0/24 via 10.0.5.1", "10.0.6.0/24 via 10.0.5.1"]},
        "r3": {"forward": True, "routes": ["10.0.1.0/24 via 10.0.4.1", "10.0.2.0/24 via 10.0.4.1", "10.0.3.0/24 via 10.0.5.2"]},
        "detour": {"forward": True, "routes": ["default via 10.0.6.2"]},
        "server": {"routes": ["default via 10.0.3.2"]},
    }
    LINKS = {
        "link1": (("client", "10.0.1.1/24"), ("r1", "10.0.1.2/24")),
        "link2": (("r1", "10.0.2.1/24"), ("r2", "10.0.2.2/24")),
        "link3": (("server", "10.0.3.1/24"), ("r2", "10.0.3.2/24")),
        "link4": (("r1", "10.0.4.1/24"), ("r3", "10.0.4.2/24")),
        "link5": (("r3", "10.0.5.1/24"), ("r2", "10.0.5.2/24")),
        "link6": (("detour", "10.0.6.1/24"), ("r3", "10.0.6.2/24")),
    }


TOPOLOGY = DetourTopo
topos = {"detour": DetourTopo}
