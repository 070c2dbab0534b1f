"""Hosts around a router: h1, h2, ... on links l1, l2, ... The topology of the example, beside its experiment."""

from __future__ import annotations

from links import Refused, RoutedTopo


class HelloTopo(RoutedTopo):
    def layout(self, hosts: int = 2) -> None:
        if not 2 <= hosts <= 9:
            raise Refused(f"hosts={hosts}: write 2 to 9")
        self.router("core")
        for i in range(1, hosts + 1):
            self.host(f"h{i}", f"default via 10.0.{i}.2")
            self.link(f"l{i}", (f"h{i}", f"10.0.{i}.1/24"), ("core", f"10.0.{i}.2/24"))


topos = {"hello": HelloTopo}
