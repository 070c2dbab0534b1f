"""A client and servers at one switch: client on link `client`, s1, s2, ... on links of their names. trunk: the servers are behind a second switch, `rack`, and one link, `trunk`."""

from __future__ import annotations

from links import Refused, RoutedTopo


class StorageTopo(RoutedTopo):
    def layout(self, servers: int = 3, trunk: bool = False) -> None:
        if not 1 <= servers <= 60:
            raise Refused(f"servers={servers}: write 1 to 60")
        self.router("core", *(("10.1.0.0/16 via 10.3.0.2",) if trunk else ()))
        if trunk:
            self.router("rack", "default via 10.3.0.1")
        self.host("client", "default via 10.2.0.2")
        self.link("client", ("client", "10.2.0.1/24"), ("core", "10.2.0.2/24"))
        if trunk:
            self.link("trunk", ("core", "10.3.0.1/24"), ("rack", "10.3.0.2/24"))
        for i in range(1, servers + 1):
            self.host(f"s{i}", f"default via 10.1.{i}.2")
            self.link(f"s{i}", (f"s{i}", f"10.1.{i}.1/24"), ("rack" if trunk else "core", f"10.1.{i}.2/24"))


topos = {"storage": StorageTopo}
