"""CamCube (Abu-Libdeh et al., SIGCOMM 2010): x y z hosts that forward, each joined to its six neighbours; no switches.

hX.Y.Z. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/torus.py --topo torus,z=2 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class TorusTopo(FabricTopo):
    def layout(self, x: int = 3, y: int = 3, z: int = 3, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.torus, x=x, y=y, z=z), mtu, ipv6)


topos = {"torus": TorusTopo}
