"""What GRIN is compared with (Trilogy2 D1.2, 3.3.1): every server has a second uplink, to a second switch of its rack.

s1, s2, ... have the addresses 10.0.0.N/11 on aN and 10.32.0.N/11 on bN, which lead to the switches of their rack: R1 and R2 of rack R. upR1 and upR2 lead on to the
core; the rack's way to the rest of the network is shared out between them, so an experiment gives each half of what one would have.
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import Refused, RoutedTopo  # noqa: E402


class GrinMultihomedTopo(RoutedTopo):
    def layout(self, servers: int = 10, racks: int = 2) -> None:
        if not (2 <= servers <= 60 and 1 <= racks <= 9 and servers % racks == 0):
            raise Refused(f"servers={servers} racks={racks}: write 2 to 60 servers in 1 to 9 racks of one size")
        for i in range(1, servers + 1):
            self.host(f"s{i}")
        self.bridge("core")
        for rack in range(1, racks + 1):
            for side in (1, 2):
                self.bridge(f"t{rack}{side}")
                self.link(f"up{rack}{side}", (f"t{rack}{side}", f"198.18.3.{10 * rack + side}/32"), ("core", f"198.18.4.{10 * rack + side}/32"))
        for i in range(1, servers + 1):
            rack = (i - 1) // (servers // racks) + 1
            self.link(f"a{i}", (f"s{i}", f"10.0.0.{i}/11"), (f"t{rack}1", f"198.18.0.{i}/32"))
            self.link(f"b{i}", (f"s{i}", f"10.32.0.{i}/11"), (f"t{rack}2", f"198.18.5.{i}/32"))


topos = {"grin-multihomed": GrinMultihomedTopo}
