"""One way that never changes, and many detours, each with a way of its own: the network of `routes`, beside its experiment.

    client --access-- r1 ------direct------ r2 --far-- server
                      |\\ --a1-- d1 --b1-- /|
                      | ...                 |
                      \\----aN-- dN --bN----/
"""

from __future__ import annotations

from links import Refused, RoutedTopo


class ManyTopo(RoutedTopo):
    def layout(self, detours: int = 10) -> None:
        if not 1 <= detours <= 60:
            raise Refused(f"detours={detours}: write 1 to 60")
        numbers = range(1, detours + 1)
        self.host("client", "default via 10.0.1.2")
        self.router("r1", "10.0.3.0/24 via 10.0.2.2", *(f"10.2.{i}.0/24 via 10.1.{i}.2" for i in numbers))
        self.router("r2", "10.0.1.0/24 via 10.0.2.1", *(f"10.1.{i}.0/24 via 10.2.{i}.2" for i in numbers))
        self.host("server", "default via 10.0.3.2")
        self.link("access", ("client", "10.0.1.1/24"), ("r1", "10.0.1.2/24"))
        self.link("direct", ("r1", "10.0.2.1/24"), ("r2", "10.0.2.2/24"))
        self.link("far", ("server", "10.0.3.1/24"), ("r2", "10.0.3.2/24"))
        for i in numbers:
            self.router(f"d{i}", f"10.0.1.0/24 via 10.1.{i}.1", f"10.0.3.0/24 via 10.2.{i}.1")
            self.link(f"a{i}", ("r1", f"10.1.{i}.1/24"), (f"d{i}", f"10.1.{i}.2/24"))
            self.link(f"b{i}", ("r2", f"10.2.{i}.1/24"), (f"d{i}", f"10.2.{i}.2/24"))


topos = {"many": ManyTopo}
