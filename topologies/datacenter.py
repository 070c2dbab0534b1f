"""A data centre in small behind a router that spreads a virtual address (10.9.100.1) over muxes:

                        mux1 mux2 ...
                          |    |
    client ==up1,up2== core ------ tor1 -- s1 s3 ...
                          \\------ tor2 -- s2 s4 ...

Each link is a network (a broadcast domain) of its own; racks are behind top-of-rack routers. The client has two links.

Use it alone: mn --custom topologies/datacenter.py --topo datacenter,servers=6 --controller none
"""

from __future__ import annotations

import os
import sys

# `mn` runs this file without saying where it is; its code knows.
sys.path.insert(0, os.path.dirname(os.path.realpath((lambda: 0).__code__.co_filename)))
from links import Refused, RoutedTopo  # noqa: E402

VIP = "10.9.100.1"
RACKS = 2
MOST = 9  # a digit of an address


class DatacenterTopo(RoutedTopo):
    def layout(self, muxes: int = 2, servers: int = 4) -> None:
        for name, number in (("muxes", muxes), ("servers", servers)):
            if not 1 <= number <= MOST:
                raise Refused(f"{name}={number}: write 1 to {MOST}")
        hops = " ".join(f"nexthop via 10.9.1{m}.1" for m in range(1, muxes + 1))
        routes = [f"10.9.4{s}.0/24 via 10.9.3{self.rack(s)}.1" for s in range(1, servers + 1)]
        self.host("client", "default via 10.9.1.2", "default via 10.9.2.2 metric 2")
        self.router("core", f"{VIP} {hops}", *routes)
        self.link("up1", ("client", "10.9.1.1/24"), ("core", "10.9.1.2/24"))
        self.link("up2", ("client", "10.9.2.1/24"), ("core", "10.9.2.2/24"))
        for m in range(1, muxes + 1):
            self.router(f"mux{m}", f"default via 10.9.1{m}.2")
            self.link(f"m{m}", (f"mux{m}", f"10.9.1{m}.1/24"), ("core", f"10.9.1{m}.2/24"))
        for r in range(1, RACKS + 1):
            self.router(f"tor{r}", f"default via 10.9.3{r}.2")
            self.link(f"rack{r}", (f"tor{r}", f"10.9.3{r}.1/24"), ("core", f"10.9.3{r}.2/24"))
        for s in range(1, servers + 1):
            self.host(f"s{s}", f"default via 10.9.4{s}.2")
            self.link(f"s{s}", (f"s{s}", f"10.9.4{s}.1/24"), (f"tor{self.rack(s)}", f"10.9.4{s}.2/24"))

    @staticmethod
    def rack(server: int) -> int:
        return 1 + (server - 1) % RACKS


topos = {"datacenter": DatacenterTopo}
