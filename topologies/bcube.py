"""BCube(n, levels) (Guo et al., SIGCOMM 2009): n^(levels+1) hosts that forward, each with levels+1 links, to switches of n ports.

hI: hosts; bL.I: switch I of level L. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/bcube.py --topo bcube,n=3 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class BcubeTopo(FabricTopo):
    def layout(self, n: int = 4, levels: int = 1, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.bcube, n=n, levels=levels), mtu, ipv6)


topos = {"bcube": BcubeTopo}
