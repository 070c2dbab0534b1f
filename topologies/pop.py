"""A point of presence (Trilogy2 D1.4, section 3.1.2.1): another network, `of`, with external links: `users` to users (hosts u1, u2, ...), `cores` to the rest
of the operator's network (hosts c1, c2, ...), in turn at the switches that have servers, or at the servers of a network without switches. Where the
network has nodes of these names, xu1 and xc1.

`of`: NAME or NAME:KEY=VALUE,KEY=VALUE, leafspine for example. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has
a twin.

Use it alone: mn --custom topologies/pop.py --topo pop,users=4 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class PopTopo(FabricTopo):
    def layout(self, of: str = "leafspine", users: int = 2, cores: int = 2, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.pop, of=of, users=users, cores=cores), mtu, ipv6)


topos = {"pop": PopTopo}
