"""Leaves and spines: every leaf is joined to every spine, `hosts` hosts a leaf. The default is the testbed of NDP (Handley et al., SIGCOMM 2017):
8 hosts, six four-port switches, 16 links.

hL.N: host N of leaf lL; sS: spines. Path number S of a host goes over spine S. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/leafspine.py --topo leafspine,spines=4 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class LeafspineTopo(FabricTopo):
    def layout(self, leaves: int = 4, spines: int = 2, hosts: int = 2, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.leafspine, leaves=leaves, spines=spines, hosts=hosts), mtu, ipv6)


topos = {"leafspine": LeafspineTopo}
