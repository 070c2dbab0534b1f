"""VL2 (Greenberg et al., SIGCOMM 2009): da di / 4 racks with two uplinks, di aggregation switches of da ports, da / 2 intermediate switches of di ports.

hR.N: host N of rack switch tR; aA, iI: aggregation and intermediate switches. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/vl2.py --topo vl2,hosts=1 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class Vl2Topo(FabricTopo):
    def layout(self, da: int = 4, di: int = 4, hosts: int = 2, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.vl2, da=da, di=di, hosts=hosts), mtu, ipv6)


topos = {"vl2": Vl2Topo}
