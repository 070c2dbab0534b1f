"""Servers and clients at one switch: s1, s2, ... and c1, c2, ... on links of their names. uplinks=2: clients have a second link, d1, d2, ..."""

from __future__ import annotations

from links import Refused, RoutedTopo


class ClusterTopo(RoutedTopo):
    def layout(self, servers: int = 9, clients: int = 3, uplinks: int = 1) -> None:
        if not (1 <= servers <= 60 and 1 <= clients <= 60 and 1 <= uplinks <= 2):
            raise Refused(f"servers={servers} clients={clients} uplinks={uplinks}: write 1 to 60 of each, and 1 or 2 uplinks")
        self.router("core")
        for i in range(1, servers + 1):
            self.host(f"s{i}", f"default via 10.1.{i}.2")
            self.link(f"s{i}", (f"s{i}", f"10.1.{i}.1/24"), ("core", f"10.1.{i}.2/24"))
        for i in range(1, clients + 1):
            second = (f"default via 10.3.{i}.2 metric 100",) if uplinks == 2 else ()
            self.host(f"c{i}", f"default via 10.2.{i}.2", *second)
            self.link(f"c{i}", (f"c{i}", f"10.2.{i}.1/24"), ("core", f"10.2.{i}.2/24"))
            if uplinks == 2:
                self.link(f"d{i}", (f"c{i}", f"10.3.{i}.1/24"), ("core", f"10.3.{i}.2/24"))


topos = {"cluster": ClusterTopo}
