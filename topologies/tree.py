"""A tree without redundancy: one core, `aggregation` switches below it, `access` switches below each, `hosts` hosts below each of these.

c; aA; eA.E; hA.E.N. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/tree.py --topo tree,hosts=4 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class TreeTopo(FabricTopo):
    def layout(self, aggregation: int = 2, access: int = 2, hosts: int = 2, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.tree, aggregation=aggregation, access=access, hosts=hosts), mtu, ipv6)


topos = {"tree": TreeTopo}
