"""Jellyfish (Singla et al., NSDI 2012): switches in a random regular graph; of their `ports`, `degree` lead to switches, the rest to hosts. Each seed
is another network, the same everywhere (also `liquidnet sim ndp topology=jellyfish:...`).

hS.N: host N of switch sS. Addresses and routes: fabric.py. mtu: of every link; ipv6: every address and route has a twin.

Use it alone: mn --custom topologies/jellyfish.py --topo jellyfish,seed=7 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
import graphs  # noqa: E402
from fabric import FabricTopo, made  # noqa: E402


class JellyfishTopo(FabricTopo):
    def layout(self, switches: int = 10, ports: int = 4, degree: int = 3, seed: int = 1, mtu: int = 0, ipv6: bool = False) -> None:
        self.fabric(made(graphs.jellyfish, switches=switches, ports=ports, degree=degree, seed=seed), mtu, ipv6)


topos = {"jellyfish": JellyfishTopo}
